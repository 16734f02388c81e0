"""How large the arrays of a model are, and how far from those of another."""

import math
from typing import Any, NamedTuple

import click
import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load

Arrays = dict[str, NDArray[Any]]


class UnreadableWeightsError(click.ClickException):
    """What a version carries is not safetensors."""


class Size(NamedTuple):
    """An array: name, shape, how many bytes, Euclidean norm."""

    name: str
    shape: tuple[int, ...]
    size: int
    norm: float


class Distance(NamedTuple):
    """How far an array is from another's of its name: Euclidean, as a share of that one's norm, cosine between both.

    The share is infinite beside zeros; the cosine is NaN where one is zeros.
    """

    name: str
    euclidean: float
    share: float
    cosine: float


def arrays_of(weights: bytes) -> Arrays:
    """The arrays by name, as they lie in the event.

    Raises:
        UnreadableWeightsError: they are not safetensors.
    """
    try:
        return dict(sorted(load(weights).items()))
    except (SafetensorError, KeyError, ValueError) as error:
        raise UnreadableWeightsError(f"weights of {len(weights)} bytes are not safetensors: {error}") from error


def sizes(arrays: Arrays) -> list[Size]:
    """Of each array."""
    return [Size(name, array.shape, array.nbytes, _norm(array)) for name, array in arrays.items()]


def distances(arrays: Arrays, others: Arrays) -> list[Distance]:
    """Of each array that both have in the same shape, in the order of names, and last of all of them together."""
    common = [name for name in arrays if name in others and arrays[name].shape == others[name].shape]
    rows = [_distance(name, arrays[name], others[name]) for name in common]
    if not rows:
        return []
    one, other = (np.concatenate([each[name].ravel() for name in common]) for each in (arrays, others))
    return [*rows, _distance("all", one, other)]


def _distance(name: str, one: NDArray[Any], other: NDArray[Any]) -> Distance:
    one, other = (each.ravel().astype(np.float64) for each in (one, other))
    apart, norms = _norm(one - other), (_norm(one), _norm(other))
    share = apart / norms[1] if norms[1] else (math.inf if apart else 0.0)
    cosine = float(one @ other) / (norms[0] * norms[1]) if all(norms) else math.nan
    return Distance(name, apart, share, cosine)


def _norm(array: NDArray[Any]) -> float:
    return float(np.linalg.norm(array.astype(np.float64)))
