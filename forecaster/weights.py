"""Knowledge to and from bytes: safetensors, named float32 arrays, no pickle."""

from typing import Any

import numpy as np
from flax.serialization import from_state_dict, to_state_dict
from flax.traverse_util import flatten_dict, unflatten_dict
from safetensors import SafetensorError
from safetensors.numpy import load, save

from forecaster.config import Config
from forecaster.knowledge import Knowledge, initial


class WeightsError(ValueError):
    """The bytes are not weights of this architecture."""


def to_bytes(known: Knowledge) -> bytes:
    """The arrays as safetensors, named by their path with ``/``; equal trees give equal bytes."""
    flat = _flat(known)
    return save({name: np.ascontiguousarray(flat[name], np.float32) for name in sorted(flat)})


def from_bytes(config: Config, data: bytes) -> Knowledge:
    """The knowledge in ``data``.

    Raises:
        WeightsError: not safetensors, other names or shapes than the architecture's, or a value that is not finite.
    """
    try:
        arrays = load(data)
    except (SafetensorError, ValueError) as error:
        raise WeightsError(f"not safetensors: {error}") from error
    except KeyError as error:
        raise WeightsError(f"arrays of {error}, which numpy lacks") from error
    expected = _flat(initial(config))
    if arrays.keys() != expected.keys():
        raise WeightsError(f"arrays {sorted(arrays)} are not the architecture's {sorted(expected)}")
    for name, array in arrays.items():
        if array.shape != expected[name].shape or array.dtype != np.float32:
            raise WeightsError(f"{name} is {array.dtype}{array.shape}, not float32{expected[name].shape}")
        if not np.isfinite(array).all():
            raise WeightsError(f"{name} holds NaN or infinity")
    known: Knowledge = from_state_dict(initial(config), unflatten_dict(arrays, sep="/"))
    return known


def _flat(known: Knowledge) -> dict[str, Any]:
    return flatten_dict(to_state_dict(known), sep="/")
