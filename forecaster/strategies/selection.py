"""Krum: keep those members that are closest to most of the others."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from forecaster.strategies import exact
from forecaster.strategies.contract import REJECTED, Aggregate, Member, Share, State, Strategy
from forecaster.strategies.parameters import whole
from forecaster.strategies.window import Window, blocks, read, shrunk

ROWS = 1000
"""Of the matrix of distances at a time."""


def krum(byzantine: float) -> Strategy:
    """The one member whose squared distances to its closest ones, all but ``byzantine`` and two, have the least sum.

    Blanchard et al. 2017, Machine Learning with Adversaries: Byzantine Tolerant Gradient Descent, section 4. What they
    prove needs more than ``2 * byzantine + 2`` members; smaller windows take, as Flower does, at least the closest one.

    Raises:
        ValueError: ``byzantine`` is not a whole number from 0.
    """
    return _strategy("krum", {"byzantine": whole("byzantine", byzantine, 0)}, 1)


def multi_krum(byzantine: float, kept: float) -> Strategy:
    """The plain mean of the ``kept`` best by Krum's score (Blanchard et al. 2017, section 5).

    Flower weighs those kept by examples; the paper does not, and a member may claim any number.

    Raises:
        ValueError: ``byzantine`` is not a whole number from 0, or ``kept`` not one from 1.
    """
    parameters = {"byzantine": whole("byzantine", byzantine, 0), "kept": whole("kept", kept, 1)}
    return _strategy("multi_krum", parameters, int(kept))


def _strategy(name: str, parameters: dict[str, float], kept: int) -> Strategy:
    def update(state: State, parent: NDArray[np.float32], members: Iterable[Member]) -> tuple[State, Aggregate]:
        window = read(parent, shrunk(parent, members))
        if not window.ids:
            return state, Aggregate(parent, {})
        return state, _best(window, scores(parent, window.rows, int(parameters["byzantine"])), kept)

    return Strategy(name, parameters, lambda parent: {}, update)


def _best(window: Window, score: NDArray[np.float32], kept: int) -> Aggregate:
    order = np.argsort(score, kind="stable")[:kept]  # of equal ones the first by id
    sums, bound = exact.empty(window.rows.shape[1]), score[order[-1]]
    shares = {
        update_id: Share(0.0, REJECTED, f"score {own:.6g}, the best {len(order)} have up to {bound:.6g}")
        for update_id, own in zip(window.ids, score, strict=True)
    }
    for at in order:
        sums = exact.add(sums, 1.0, window.rows[at])
        shares[window.ids[at]] = Share(1 / len(order))
    return Aggregate(exact.mean(sums), shares)


def scores(parent: NDArray[np.float32], rows: NDArray[np.float32], byzantine: int) -> NDArray[np.float32]:
    """Krum's score of each row, float32 [members]; the less the better.

    It takes ``2 * members² * n`` operations, for 10,000 members with 4,437 numbers over 10 s on two cores, and ``ROWS *
    members`` numbers at a time. In float64, for what members far off send must not hide how far apart the others are;
    the score in float32, so that what differs by rounding alone is equal.
    """
    count = len(rows)
    closest = min(max(1, count - byzantine - 2), count - 1)
    score = np.zeros(count, np.float32)
    if not closest:
        return score
    # Seen from the parent, the members are small beside what they differ by.
    lengths = np.concatenate([np.square(_moves(parent, rows[some])).sum(axis=1) for some in blocks(count, ROWS)])
    for some in blocks(count, ROWS):
        distances = _distances(parent, rows, lengths, some)
        distances.partition(closest - 1, axis=1)
        score[some] = np.minimum(distances[:, :closest].sum(axis=1), np.finfo(np.float32).max)
    return score


def _distances(
    parent: NDArray[np.float32], rows: NDArray[np.float32], lengths: NDArray[np.float64], some: slice
) -> NDArray[np.float64]:
    """Squared, of some rows from all, float64 [some, members]; from themselves infinite."""
    moves = _moves(parent, rows[some])
    distances = np.empty((len(moves), len(rows)))
    for others in blocks(len(rows), ROWS):
        np.matmul(moves, _moves(parent, rows[others]).T, out=distances[:, others])
    distances *= -2
    distances += lengths
    distances += lengths[some, None]
    np.maximum(distances, 0, out=distances)
    distances[np.arange(len(moves)), np.arange(some.start, some.stop)] = np.inf
    return distances


def _moves(parent: NDArray[np.float32], rows: NDArray[np.float32]) -> NDArray[np.float64]:
    return rows - parent.astype(np.float64)
