"""The point with the least sum of distances to the members."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from forecaster.strategies.contract import Aggregate, Member, State, Strategy
from forecaster.strategies.window import Window, blocks, read, shares

ROWS = 32
"""Of the window at a time: in float64 they stay in a core's cache."""
TOLERANCE = 1e-9
"""Relative, of the sum of distances: what an iteration must bring to be followed by another."""


def geometric_median(smoothing: float = 1e-6, iterations: float = 100) -> Strategy:
    """The geometric median, every member by its discount: up to half of them, wherever they are, move it little.

    Weiszfeld's iterations, smoothed: a distance counts as at least ``smoothing``. Pillutla et al. 2022,
    Robust Aggregation for Federated Learning, algorithm 2. There members weigh by examples, here alike, for a member
    may claim any number.

    Raises:
        ValueError: ``smoothing`` is not positive, or ``iterations`` not at least 1.
    """
    if smoothing <= 0 or iterations < 1:
        raise ValueError(f"smoothing {smoothing} must be positive, iterations {iterations} at least 1")

    def update(state: State, parent: NDArray[np.float32], members: Iterable[Member]) -> tuple[State, Aggregate]:
        window = read(parent, members)
        return state, _weiszfeld(window, parent, smoothing, int(iterations)) if window.ids else Aggregate(parent, {})

    parameters = {"smoothing": float(smoothing), "iterations": float(iterations)}
    return Strategy("geometric_median", parameters, lambda parent: {}, update, streams=False)


def _weiszfeld(window: Window, parent: NDArray[np.float32], smoothing: float, iterations: int) -> Aggregate:
    # From the parent on: one member far off could have brought the mean anywhere.
    centre, before = parent.astype(np.float64), np.inf
    for _ in range(iterations):
        centre, weights, distance = _step(window, centre, smoothing)
        if before - distance <= TOLERANCE * distance:
            break
        before = distance
    return Aggregate(centre.astype(np.float32), shares(window, weights))


def _step(
    window: Window, centre: NDArray[np.float64], smoothing: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """The next centre, float64 [n], the weight of each member in it, and the sum of distances from the one before."""
    weighted, weights, total = np.zeros_like(centre), np.empty(len(window.ids)), 0.0
    for some in blocks(len(window.ids), ROWS):
        values = window.rows[some].astype(np.float64)
        moves = values - centre
        # Not through BLAS, whose sums depend on the processor and on how many of its cores there are.
        distances = np.maximum(np.sqrt(np.einsum("ij,ij->i", moves, moves)), smoothing)
        weights[some] = window.discounts[some] / distances
        weighted += np.einsum("i,ij->j", weights[some], values)
        total += float((window.discounts[some] * distances).sum())
    return weighted / weights.sum(), weights, total
