"""The point with the least sum of distances to the members."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from forecaster.strategies.contract import Aggregate, Member, State, Strategy, sound
from forecaster.strategies.parameters import positive, whole
from forecaster.strategies.window import Window, blocks, read, shares

CELLS = 2**17
"""Of the window at a time: in float64 they stay in a core's cache."""
TOLERANCE = 1e-9
"""Relative, of the sum of distances: what an iteration must bring to be followed by another."""


def geometric_median(
    smoothing: float = 1e-6, iterations: float = 100, *, parts: Sequence[slice] | None = None
) -> Strategy:
    """The geometric median, every member by its discount: up to half of them, wherever they are, move it little.

    One for each of the vector's ``parts``: beside counts that lie hundreds apart, weights that lie tenths apart would
    not show, and who lies about those would not be seen. A member's share is the mean of those in all numbers.

    Weiszfeld's iterations, smoothed: a distance counts as at least ``smoothing``. Pillutla et al. 2022,
    Robust Aggregation for Federated Learning, algorithm 2. There members weigh by examples, here alike, for a member
    may claim any number.

    Raises:
        ValueError: ``smoothing`` is not positive, or ``iterations`` not a whole number from 1.
    """
    parameters = {"smoothing": positive("smoothing", smoothing), "iterations": whole("iterations", iterations, 1)}

    def update(state: State, parent: NDArray[np.float32], members: Iterable[Member]) -> tuple[State, Aggregate]:
        window = read(parent, sound(parent, members))
        if not window.ids:
            return state, Aggregate(parent, {})
        weights, share = np.empty_like(parent), np.zeros(len(window.ids))
        for part in parts or [slice(0, parent.size)]:
            weights[part], own = _weiszfeld(window, parent, part, smoothing, int(iterations))
            share += own / own.sum() * (part.stop - part.start)
        return state, Aggregate(weights, shares(window, share))

    return Strategy("geometric_median", parameters, lambda parent: {}, update)


def _weiszfeld(
    window: Window, parent: NDArray[np.float32], part: slice, smoothing: float, iterations: int
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    # From the parent on: one member far off could have brought the mean anywhere.
    centre, before = parent[part].astype(np.float64), np.inf
    for _ in range(iterations):
        centre, weights, distance = _step(window, part, centre, smoothing)
        if before - distance <= TOLERANCE * distance:
            break
        before = distance
    return centre.astype(np.float32), weights


def _step(
    window: Window, part: slice, centre: NDArray[np.float64], smoothing: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """The next centre, float64 [part], each member's weight in it, and the sum of distances from the one before."""
    weighted, weights, total = np.zeros_like(centre), np.empty(len(window.ids)), 0.0
    for some in blocks(len(window.ids), max(CELLS // centre.size, 1)):
        values = window.rows[some, part].astype(np.float64)
        moves = values - centre
        # Not through BLAS, whose sums depend on the processor and on how many of its cores there are.
        distances = np.maximum(np.sqrt(np.einsum("ij,ij->i", moves, moves)), smoothing)
        weights[some] = window.discounts[some] / distances
        weighted += np.einsum("i,ij->j", weights[some], values)
        total += float((window.discounts[some] * distances).sum())
    return weighted / weights.sum(), weights, total
