"""Weights to and from bytes: safetensors, named float32 arrays, no pickle."""

import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict
from safetensors import SafetensorError
from safetensors.numpy import load, save

from forecaster.config import Config
from forecaster.network import Params, initial


class WeightsError(ValueError):
    """The bytes are not weights of this architecture."""


def to_bytes(params: Params) -> bytes:
    """The parameter tree as safetensors, names joined by ``/``; equal trees give equal bytes."""
    flat = flatten_dict(params, sep="/")
    return save({name: np.ascontiguousarray(flat[name], np.float32) for name in sorted(flat)})


def from_bytes(config: Config, data: bytes) -> Params:
    """The parameter tree in ``data``.

    Raises:
        WeightsError: not safetensors, other names or shapes than the architecture's, or a value that is not finite.
    """
    try:
        arrays = load(data)
    except (SafetensorError, ValueError) as error:
        raise WeightsError(f"not safetensors: {error}") from error
    except KeyError as error:
        raise WeightsError(f"arrays of {error}, which numpy lacks") from error
    expected = flatten_dict(initial(config), sep="/")
    if arrays.keys() != expected.keys():
        raise WeightsError(f"arrays {sorted(arrays)} are not the architecture's {sorted(expected)}")
    for name, array in arrays.items():
        if array.shape != expected[name].shape or array.dtype != np.float32:
            raise WeightsError(f"{name} is {array.dtype}{array.shape}, not float32{expected[name].shape}")
        if not np.isfinite(array).all():
            raise WeightsError(f"{name} holds NaN or infinity")
    return unflatten_dict(arrays, sep="/")
