"""Knowledge to and from bytes: safetensors, named float32 arrays, no pickle."""

from functools import lru_cache

import numpy as np
from flax.serialization import from_state_dict
from flax.traverse_util import unflatten_dict
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from forecaster.config import Config
from forecaster.knowledge import Knowledge, initial, length, named


class WeightsError(ValueError):
    """The bytes are not weights of this architecture."""


def to_bytes(known: Knowledge) -> bytes:
    """The arrays as safetensors, named by their path with ``/``; equal trees give equal bytes."""
    return save({name: np.ascontiguousarray(array, np.float32) for name, array in named(known).items()})


def flat_to_bytes(config: Config, numbers: NDArray[np.float32]) -> bytes:
    """The same of what ``knowledge.flat`` has made a vector: only the numbers differ from one to the next."""
    return _header(config) + np.ascontiguousarray(numbers, "<f4").tobytes()


@lru_cache(maxsize=8)
def _header(config: Config) -> bytes:
    """What stands before the numbers of this architecture; safetensors lays arrays out by name."""
    start = initial(config)
    numbers = np.concatenate([np.ravel(array) for array in named(start).values()])
    data = to_bytes(start)
    return data[: len(data) - numbers.nbytes]


def flat_from_bytes(config: Config, data: bytes) -> NDArray[np.float32]:
    """What ``flat_to_bytes`` was given, float32 [length]; not to be written to.

    Raises:
        WeightsError: as ``from_bytes``.
    """
    header, size = _header(config), length(config)
    if data.startswith(header) and len(data) == len(header) + 4 * size:
        numbers = np.frombuffer(data, "<f4", offset=len(header))
        if np.isfinite(numbers).all():
            return numbers
    # Another writer may lay out the same arrays in another way; and it says what is wrong with them.
    return np.concatenate([np.ravel(array) for array in named(from_bytes(config, data)).values()])


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
    expected = named(initial(config))
    if arrays.keys() != expected.keys():
        raise WeightsError(f"arrays {sorted(arrays)} are not the architecture's {sorted(expected)}")
    for name, array in arrays.items():
        if array.shape != expected[name].shape or array.dtype != np.float32:
            raise WeightsError(f"{name} is {array.dtype}{array.shape}, not float32{expected[name].shape}")
        if not np.isfinite(array).all():
            raise WeightsError(f"{name} holds NaN or infinity")
    known: Knowledge = from_state_dict(initial(config), unflatten_dict(arrays, sep="/"))
    return known
