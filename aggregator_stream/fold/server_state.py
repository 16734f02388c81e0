"""A strategy's state to and from bytes, so that it travels with the model it made."""

import numpy as np
from safetensors.numpy import load, save

from forecaster.strategies.contract import SPENT, State


def to_bytes(state: State) -> bytes:
    """Safetensors, arrays by name; nothing for a state of nothing."""
    # Not ascontiguousarray, which gives a single number an axis.
    return save({name: np.asarray(state[name], np.float32, order="C") for name in sorted(state)}) if state else b""


def from_bytes(data: bytes) -> State:
    """What was remembered."""
    return load(data) if data else {}


def spent(state: State) -> State:
    """What of it does not go back with a version's parent (``contract.SPENT``)."""
    return {SPENT: state[SPENT]} if SPENT in state else {}
