"""Very many members as Krum's bounds see them: those far off apart, the others from their mean and at one scale."""

import hashlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from forecaster.strategies import spectrum
from forecaster.strategies.bounds import Bounds, Scalars
from forecaster.strategies.spectrum import SIDE, UNIT
from forecaster.strategies.window import Found, blocks, each

ROUNDS = 4
"""Of bounding the largest singular value, where a round more costs what it saves."""
FAR = 4.0
"""Times the longest of the others, from where a member is further from all of them than they are from each other."""


class Moves(NamedTuple):
    """All members, of whom those far off are at most as many as no score is of.

    Attributes:
        rows: float32 [members, n], as they were sent.
        near: int [some], in order; the others are further from all of these than these are from each other.
        low_of_far: float64 [members], below the scores of those far off; of the others 0.
        centre: float32 [n], the mean of those near but for rounding.
        scale: a power of two that makes the longest move of those near at most some 2, for squares to stay in range.
        lengths: float64 [some], squared, at this scale as all that follows.
        adrift: how long the sum of all moves may be, for the centre is rounded; of an exact mean 0.
        largest: singular value, at most.
        seed: of random vectors, out of what the members sent.
    """

    rows: NDArray[np.float32]
    near: NDArray[np.intp]
    low_of_far: Scalars
    centre: NDArray[np.float32]
    scale: np.float32
    lengths: Scalars
    adrift: float
    largest: float
    seed: bytes

    def known(self) -> bool:
        """Whether float32 holds them all; else they tell nothing."""
        return bool(np.isfinite(self.largest))

    def to_all(self) -> tuple[Scalars, Scalars]:
        """What each one's squared distances come to, and by how much any part of it may be off, float64 [some] each."""
        together = len(self.near) * self.lengths + self.lengths.sum()
        return together, 4 * np.sqrt(self.lengths) * self.adrift + 1e-6 * together

    def narrowed(self, bounds: Bounds, some: NDArray[np.intp] | slice, low: Scalars, high: Scalars) -> Bounds:
        """The bounds, with others on some of those near, at this scale."""
        scale = float(self.scale) ** 2
        return bounds.narrowed(self.near[some], low / scale, high / scale)

    def of(self, some: slice) -> NDArray[np.float32]:
        """The moves of some of those near, float32 [some, n]; each number within ``UNIT`` of itself."""
        everybody = len(self.near) == len(self.rows)
        with np.errstate(over="ignore", invalid="ignore"):
            own = self.rows[some if everybody else self.near[some]] - self.centre
            own *= self.scale
        return own

    def each(self, function: Callable[[slice], Found]) -> list[Found]:
        """What comes of all places of those near, some at a time."""
        return each(function, blocks(len(self.near), SIDE))


def seen(rows: NDArray[np.float32], lengths: Scalars, closest: int) -> Moves:
    """The members' moves, and what is known of them without a distance.

    ``largest`` is wrong once in 10¹² windows, as ``spectrum.largest`` is.

    Args:
        rows: float32 [members, n].
        lengths: float64 [members], squared, of each row's move from one point, such as their parent.
        closest: of how many others a score is, from 1 to all.
    """
    near, low_of_far, reach = _apart(np.sqrt(lengths), closest)
    centre = _mean(rows, near)
    scale = np.float32(min(2.0 ** -np.ceil(np.log2(reach)), 2.0**120) if reach > 0 else 1)
    adrift = len(near) * UNIT * float(np.linalg.norm(centre.astype(np.float64))) * float(scale)
    found = Moves(rows, near, low_of_far, centre, scale, np.empty(0), adrift, 0.0, b"")
    with np.errstate(over="ignore", invalid="ignore"):
        own = np.concatenate(found.each(lambda some: squared(found.of(some))))
        seed = hashlib.sha256(centre.tobytes() + own.tobytes()).digest()
        largest = spectrum.largest(found.of, (len(near), rows.shape[1]), own.sum(), ROUNDS, seed)
    return found._replace(lengths=own, largest=largest, seed=seed)


def _apart(norms: Scalars, closest: int) -> tuple[NDArray[np.intp], Scalars, float]:
    """Those near, of members whose moves are as long as ``norms``; scores of the others, at least; the longest near."""
    most = len(norms) - 1 - closest
    order = np.argsort(norms, kind="stable")
    last = norms[order[len(order) - most - 1 :]]
    gaps = np.flatnonzero(last[1:] > FAR * last[:-1])
    first = len(order) - most + int(gaps[0]) if len(gaps) and last[0] > 0 else len(order)
    near, far = np.sort(order[:first]), order[first:]
    reach = float(norms[near].max())
    low = np.zeros(len(norms))
    # At most all but one of those far off are among a far one's closest.
    low[far] = max(0, closest - len(far) + 1) * np.square((norms[far] - reach) * (1 - 1e-3))
    return near, low, reach


def _mean(rows: NDArray[np.float32], near: NDArray[np.intp]) -> NDArray[np.float32]:
    sums = each(lambda some: rows[near[some]].sum(axis=0, dtype=np.float64), blocks(len(near), SIDE))
    mean: Scalars = sum(sums, np.zeros(rows.shape[1])) / len(near)
    return mean.astype(np.float32)


def squared(part: NDArray[np.float32] | Scalars) -> Scalars:
    """The length of each row, squared, float64 [rows]."""
    lengths: Scalars = np.einsum("ij,ij->i", part, part, dtype=np.float64)
    return lengths
