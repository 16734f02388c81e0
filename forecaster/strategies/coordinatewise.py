"""Coordinate by coordinate: the median, and the mean without the largest and the smallest."""

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from forecaster.strategies.contract import Aggregate, Member, State, Strategy
from forecaster.strategies.window import Window, blocks, read, shares, shrunk


def median() -> Strategy:
    """The median of every coordinate; of an even number of members the mean of the middle two.

    Examples do not count, for a member may claim any number. Yin et al. 2018, Byzantine-Robust Distributed Learning:
    Towards Optimal Statistical Rates, algorithm 1, option I.
    """
    return _strategy("median", {}, lambda count: (count - 1) // 2)


def trimmed_mean(cut: float = 0.2) -> Strategy:
    """The mean of every coordinate without the largest and the smallest, ``cut`` of the members each, rounded down.

    Examples do not count. Yin et al. 2018, algorithm 1, option II; the default is Flower's.

    Raises:
        ValueError: a cut outside [0, 0.5).
    """
    if not 0 <= cut < 0.5:
        raise ValueError(f"cut {cut} is not in [0, 0.5)")
    return _strategy("trimmed_mean", {"cut": float(cut)}, lambda count: int(cut * count))


def _strategy(name: str, parameters: dict[str, float], dropped: Callable[[int], int]) -> Strategy:
    """Without ``dropped`` of that many members at each end."""

    def update(state: State, parent: NDArray[np.float32], members: Iterable[Member]) -> tuple[State, Aggregate]:
        window = read(parent, shrunk(parent, members))
        return state, _middle(window, dropped(len(window.ids))) if window.ids else Aggregate(parent, {})

    return Strategy(name, parameters, lambda parent: {}, update)


def _middle(window: Window, drop: int) -> Aggregate:
    """The mean of what is between, and as shares the part that each member has in it, over all coordinates."""
    count, size = window.rows.shape
    weights, parts = np.empty(size, np.float32), np.zeros(count)
    for columns in blocks(size):
        values = np.ascontiguousarray(window.rows[:, columns].T)
        kept = np.sort(values, axis=1)[:, drop : count - drop]
        weights[columns] = kept.mean(axis=1, dtype=np.float64)
        parts += _parts(values, kept)
    return Aggregate(weights, shares(window, parts))


def _parts(values: NDArray[np.float32], kept: NDArray[np.float32]) -> NDArray[np.float64]:
    """How many of ``kept`` are each member's: float64 [members].

    Members that sent the same number, of which some are kept, have equal parts in those.

    Args:
        values: float32 [coordinates, members].
        kept: float32 [coordinates, kept], sorted.
    """
    low, high = kept[:, :1], kept[:, -1:]
    parts = ((low < values) & (values < high)).sum(axis=0, dtype=np.int32).astype(np.float64)
    for edge, wanted in ((low, True), (high, low < high)):
        coordinates, members = np.divmod(np.flatnonzero((values == edge) & wanted), values.shape[1])
        sent = np.bincount(coordinates, minlength=len(values))
        part = (kept == edge).sum(axis=1) / np.maximum(sent, 1)
        parts += np.bincount(members, weights=part[coordinates], minlength=values.shape[1])
    return parts
