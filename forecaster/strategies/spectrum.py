"""How far moves can get together: no choice of ``m`` of them has a sum longer than ``sqrt(m)`` singular values.

The largest singular value is bounded from above by what the matrix makes of random vectors (Halko, Martinsson and Tropp
2011, Finding Structure with Randomness, lemma 4.1): ``|B| <= CERTAIN * sqrt(2/π) * max |B g|`` for ``PROBES`` vectors
``g`` of standard normal numbers, except with probability ``CERTAIN ** -PROBES``. Taken of ``B = A T(A' A)`` for a
Chebyshev polynomial ``T``, which is at most 1 up to where the squared singular values of independent numbers would end
(Marchenko and Pastur 1967), and of all polynomials grows fastest beyond, the factor shrinks to little.
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from forecaster.strategies.window import blocks, each

PROBES = 16
CERTAIN = 10.0**0.75
SIDE = 200
"""Rows at a time."""
UNIT = 2.0**-24
"""What float32 rounds by."""


def largest(
    rows: Callable[[slice], NDArray[np.float32]], shape: tuple[int, int], squares: float, rounds: int, seed: bytes
) -> float:
    """An upper bound on the largest singular value, wrong once in ``CERTAIN ** PROBES`` seeds.

    Args:
        rows: some of the rows, float32 [some, size], of lengths up to some 1.
        shape: of all rows together.
        squares: of all numbers, their sum. Where it is infinite or none, so is the bound infinite.
        rounds: the degree of the polynomial, from 1; the higher, the closer the bound, and the longer it takes.
        seed: of the random vectors. Whoever knows it beforehand could make a matrix it is wrong of.
    """
    if squares == 0:
        return 0.0
    if not np.isfinite(squares):
        return np.inf
    count, size = shape
    edge = squares * (count**-0.5 + size**-0.5) ** 2

    def summed(function: Callable[[NDArray[np.float32]], NDArray[Any]]) -> NDArray[np.float64]:
        return np.sum(each(lambda some: function(rows(some)), blocks(count, SIDE)), axis=0, dtype=np.float64)

    probes = np.random.default_rng(list(seed)).standard_normal((size, PROBES))
    before = probes
    for round_ in range(rounds):
        grown = summed(functools.partial(_times, probes.astype(np.float32)))
        grown = 2 / edge * grown - probes
        before, probes = probes, grown if round_ == 0 else 2 * grown - before
    last = probes.astype(np.float32)
    grown = summed(lambda part: np.square(part @ last, dtype=np.float64).sum(axis=0))
    most = CERTAIN * np.sqrt(2 / np.pi * grown.max())
    # Beside what a product of float32 is off by, at most (Higham 2002, section 3.5).
    return _value(float(most), float(np.sqrt(edge)), rounds) + UNIT * (count + size) * float(np.sqrt(squares))


def _times(probes: NDArray[np.float32], part: NDArray[np.float32]) -> NDArray[np.float32]:
    return part.T @ (part @ probes)


def _value(most: float, edge: float, rounds: int) -> float:
    """The singular value from ``edge`` on that the polynomial makes ``most`` of; ``edge`` where none is."""
    if not np.isfinite(most):
        return np.inf
    if most <= edge:
        return edge
    above = (1 + 1e-9) * edge * np.cosh(np.arccosh(most / edge) / (2 * rounds))
    return float(brentq(lambda value: value * np.cosh(2 * rounds * np.arccosh(value / edge)) - most, edge, above))
