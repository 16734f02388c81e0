"""Bounds on Krum's scores without a distance, from the members' lengths and how far they can get together.

A score is what the squared distances to all others come to, less the ``k`` largest of them. The former follows from the
lengths alone, seen from the mean. Of ``n`` numbers ``v`` with mean ``c``, the ``k`` largest come to at most ``k c +
sqrt(k (n - k) / n) |v - c|`` (Cauchy and Schwarz), and to at least what any ``k`` of them do. Here they are ``|y|² - 2
x·y`` for a member ``x`` and each ``y``, and all products with ``x`` together are at most ``|x|`` times the largest
singular value.
"""

import numpy as np
from numpy.typing import NDArray

from forecaster.strategies.bounds import Bounds, Scalars
from forecaster.strategies.moves import Moves
from forecaster.strategies.spectrum import SIDE, UNIT


def outline(moves: Moves, closest: int) -> Bounds:
    """Of each member, float64 [members]; close where they differ in no direction much more than in others.

    Args:
        moves: of all members.
        closest: of how many others a score is.
    """
    found = Bounds(moves.low_of_far.copy(), np.full(len(moves.rows), np.inf))
    if not moves.known():
        return found
    own, count = moves.lengths, len(moves.near)
    left_out = count - 1 - closest
    off = own - own.mean()
    last = np.argsort(-own, kind="stable")[:left_out]
    longest = np.zeros(count)
    longest[last] = 1
    along, wrong = _products(moves, np.stack([off, longest], axis=1))
    spread = np.sqrt(left_out * (count - left_out) / count)
    norms = np.square(off).sum() - 4 * (along - wrong)[:, 0] + 4 * moves.largest**2 * own
    # Less what is the member's own, that no score is of.
    norms -= np.square(own + own.mean())
    most = np.minimum(
        left_out * (own.sum() + own) / (count - 1) + spread * np.sqrt(np.maximum(norms, 0)),
        own[last].sum() + 2 * spread * moves.largest * np.sqrt(own),
    )
    least = own[last].sum() - 2 * (along + wrong)[:, 1]
    to_all, loose = moves.to_all()
    to_others = to_all - left_out * own
    return moves.narrowed(found, slice(None), to_others - most - loose, to_others - least + loose)


def _products(moves: Moves, factors: NDArray[np.float64]) -> tuple[Scalars, Scalars]:
    """Of each move with sums of all of them, as often as ``factors`` [near, sums] say, and how far off they may be."""
    size = moves.rows.shape[1]
    factor = factors.astype(np.float32)
    sums = np.sum(moves.each(lambda some: moves.of(some).T @ factor[some]), axis=0, dtype=np.float64)
    rounded = sums.astype(np.float32)
    products = np.concatenate(moves.each(lambda some: moves.of(some) @ rounded)).astype(np.float64)
    sizes = np.sqrt(moves.lengths)
    wrong = (SIDE + 4) * (np.abs(factors) * sizes[:, None]).sum(axis=0) + (size + 4) * np.linalg.norm(sums, axis=0)
    return products, 1.01 * UNIT * sizes[:, None] * wrong
