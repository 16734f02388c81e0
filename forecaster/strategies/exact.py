"""Weighted sums of float32 vectors whose order does not matter, kept in double-double arithmetic.

A product of two float32 numbers is exact in float64, and the error of a sum is caught and carried along (Knuth, The
Art of Computer Programming 2, 4.2.2, theorem B). What is left, some 2^-100 of the largest sum, is lost in rounding to
float32: members in any order, and windows put together from parts, give the same bytes.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Sums(NamedTuple):
    """A weighted sum of vectors, and of their weights: of each a high and a low part.

    Attributes:
        values: float64 [2, n]
        weight: float64 [2]
    """

    values: NDArray[np.float64]
    weight: NDArray[np.float64]


def empty(size: int) -> Sums:
    """The sum of nothing."""
    return Sums(np.zeros((2, size)), np.zeros(2))


def add(sums: Sums, weight: float, vector: NDArray[np.float32]) -> Sums:
    """With ``weight``, rounded to float32, times ``vector``."""
    factor = np.float64(np.float32(weight))
    return Sums(_plus(sums.values, factor * vector.astype(np.float64)), _plus(sums.weight, factor))


def add_all(sums: Sums, vectors: NDArray[np.float32]) -> Sums:
    """With each of some vectors, float32 [some, n], as ``add`` with weight 1 adds them, but sooner.

    Rump, Ogita and Oishi 2008, Accurate Floating-Point Summation Part I, algorithm 3.2: beside a large power of two all
    round to multiples of one unit, whose sum is exact; what was rounded off is some 2^-46 of the largest.
    """
    wide = vectors.astype(np.float64)
    large = 2.0 ** (np.frexp(np.abs(vectors).max(initial=0))[1] + len(vectors).bit_length())
    high = (wide + large) - large
    values = _plus(_plus(sums.values, high.sum(axis=0)), (wide - high).sum(axis=0))
    return Sums(values, _plus(sums.weight, np.float64(len(vectors))))


def merge(one: Sums, other: Sums) -> Sums:
    """The sum of both."""
    both = [_plus(_plus(a, b[0]), b[1]) for a, b in zip(one, other, strict=True)]
    return Sums(*both)


def mean(sums: Sums) -> NDArray[np.float32]:
    """The weighted mean, float32 [n]; of equal vectors exactly that vector."""
    quotient = sums.values[0] / sums.weight[0]
    # One step of Newton's: what the first quotient leaves of the sum, divided again.
    rest = (sums.values[0] - quotient * sums.weight[0]) + sums.values[1] - quotient * sums.weight[1]
    return (quotient + rest / sums.weight[0]).astype(np.float32)


def _plus(pair: NDArray[np.float64], term: NDArray[np.float64] | np.float64) -> NDArray[np.float64]:
    """A high and a low part with ``term`` added, normalised: the low one is below half a unit of the high one."""
    high, low = pair
    result = np.empty_like(pair)
    head, rest = result[0, ...], result[1, ...]
    # In few arrays, for this is what most of a window's time goes into:
    # rest = low + ((high - (total - back)) + (term - back)), then head + rest is total + rest.
    total = high + term
    back = total - high
    np.subtract(total, back, out=head)
    np.subtract(high, head, out=head)
    head += term - back
    np.add(low, head, out=rest)
    np.add(total, rest, out=head)
    rest -= head - total
    return result
