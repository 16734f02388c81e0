"""Krum: keep those members that are closest to most of the others."""

import functools
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from forecaster.strategies import exact
from forecaster.strategies.bounds import Bounds, as_score, in_turn, sorted_out
from forecaster.strategies.contract import REJECTED, Aggregate, Member, Share, State, Strategy
from forecaster.strategies.moves import seen, squared
from forecaster.strategies.outline import outline
from forecaster.strategies.parameters import whole
from forecaster.strategies.screening import narrowed
from forecaster.strategies.window import Window, blocks, each, read, shrunk

ROWS, COLUMNS = 1000, 200
"""Of the matrix of distances at a time."""
AT_ONCE = 32
"""Members to add up."""
MANY = 2000
"""Members from whose number on bounds on their scores come first."""
FEW = 64
"""Exact scores to begin with, which then decide about many of the others."""
OPEN = 500
"""Undecided members, beyond which closer bounds are sooner than exact scores."""


class Chosen(NamedTuple):
    """What is kept, the worst score among it, and all scores, float32 [members], where all were taken."""

    kept: NDArray[np.intp]
    bound: np.float32
    scores: NDArray[np.float32] | None = None


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
        return state, _best(window, chosen(parent, window.rows, int(parameters["byzantine"]), kept))

    return Strategy(name, parameters, lambda parent: {}, update)


def _best(window: Window, best: Chosen) -> Aggregate:
    sums = exact.empty(window.rows.shape[1])
    if best.scores is None:
        own = ["a worse score"] * len(window.ids)
    else:
        own = [f"score {score:.6g}" for score in best.scores]
    shares = {
        update_id: Share(0.0, REJECTED, f"{score}, the best {len(best.kept)} have up to {best.bound:.6g}")
        for update_id, score in zip(window.ids, own, strict=True)
    }
    for some in blocks(len(best.kept), AT_ONCE):
        sums = exact.add_all(sums, window.rows[best.kept[some]])
    shares |= {window.ids[at]: Share(1 / len(best.kept)) for at in best.kept}
    return Aggregate(exact.mean(sums), shares)


def chosen(parent: NDArray[np.float32], rows: NDArray[np.float32], byzantine: int, kept: int) -> Chosen:
    """The ``kept`` rows with the best scores, of equal ones the first.

    Of ``MANY`` and more, exact scores are taken of those alone whom bounds leave undecided: what is chosen is the same.
    """
    if len(rows) < MANY:
        every = scores(parent, rows, byzantine)
        order = np.argsort(every, kind="stable")[:kept]
        return Chosen(order, every[order[-1]], every)
    kept = min(kept, len(rows))
    closest, lengths = _closest(len(rows), byzantine), _lengths(parent, rows)
    moves = seen(rows, lengths, closest)
    bounds = outline(moves, closest)
    if sorted_out(bounds, kept)[1].sum() > OPEN:
        bounds = narrowed(moves, bounds, closest, kept)
    return _exactly(bounds, kept, functools.partial(_scores, parent, rows, lengths, closest))


def _exactly(bounds: Bounds, kept: int, score: Callable[[NDArray[np.intp]], NDArray[np.float32]]) -> Chosen:
    """The ``kept`` best, by the scores of those alone whom the bounds leave undecided."""
    found, scored = bounds, np.full(len(bounds.low), np.nan, np.float32)
    for most in (FEW, len(scored)):
        some = in_turn(bounds, found, np.isnan(scored), kept)[:most]
        scored[some] = score(some)
        found = found.narrowed(some, scored[some].astype(np.float64), scored[some].astype(np.float64))
    surely, maybe = sorted_out(found, kept)
    undecided = np.flatnonzero(maybe)
    best = undecided[np.argsort(scored[undecided], kind="stable")[: kept - surely.sum()]]
    surely[best] = True
    return Chosen(np.flatnonzero(surely), scored[best[-1]])


def scores(parent: NDArray[np.float32], rows: NDArray[np.float32], byzantine: int) -> NDArray[np.float32]:
    """Krum's score of each row, float32 [members]; the less the better.

    It takes ``2 * members² * n`` operations, for 10,000 members with 4,437 numbers over 10 s on two cores, and ``ROWS *
    members`` numbers at a time. In float64, for what members far off send must not hide how far apart the others are;
    the score in float32, so that what differs by rounding alone is equal.
    """
    closest = _closest(len(rows), byzantine)
    if not closest:
        return np.zeros(len(rows), np.float32)
    return _scores(parent, rows, _lengths(parent, rows), closest, np.arange(len(rows)))


def _closest(count: int, byzantine: int) -> int:
    """How many others a score is of."""
    return min(max(1, count - byzantine - 2), count - 1)


def _scores(
    parent: NDArray[np.float32],
    rows: NDArray[np.float32],
    lengths: NDArray[np.float64],
    closest: int,
    wanted: NDArray[np.intp],
) -> NDArray[np.float32]:
    """Those of the rows ``wanted``, float32 [wanted]."""
    score = np.empty(len(wanted), np.float32)
    for some in blocks(len(wanted), ROWS):
        distances = _distances(parent, rows, lengths, wanted[some])
        distances.partition(closest - 1, axis=1)
        score[some] = as_score(distances[:, :closest].sum(axis=1))
    return score


def _distances(
    parent: NDArray[np.float32], rows: NDArray[np.float32], lengths: NDArray[np.float64], some: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Squared, of some rows from all, float64 [some, members]; from themselves infinite."""
    moves = _moves(parent, rows[some])
    distances = np.empty((len(moves), len(rows)))

    def measure(others: slice) -> None:
        np.matmul(moves, _moves(parent, rows[others]).T, out=distances[:, others])

    each(measure, blocks(len(rows), COLUMNS))
    distances *= -2
    distances += lengths
    distances += lengths[some, None]
    np.maximum(distances, 0, out=distances)
    distances[np.arange(len(moves)), some] = np.inf
    return distances


def _lengths(parent: NDArray[np.float32], rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """Of all moves, squared; seen from the parent, the members are small beside what they differ by."""
    return np.concatenate(each(lambda some: squared(_moves(parent, rows[some])), blocks(len(rows), COLUMNS)))


def _moves(parent: NDArray[np.float32], rows: NDArray[np.float32]) -> NDArray[np.float64]:
    return rows - parent.astype(np.float64)
