"""Closer bounds on Krum's scores of very many members, for those alone whom the outline leaves undecided.

Distances are taken of moves rounded to bfloat16, which a processor multiplies several times as fast as float64. What
rounding does to ``k`` products with one member together is bounded: ``x·y - x'·y' = (x - x')·y + x'·(y - y')``, and
``k`` rows of a matrix come to at most ``sqrt(k)`` times its largest singular value, be they moves or what rounding took
from them. The sum in float32 of ``n`` products is off by ``n * 2^-24 |x'| |y'|`` at most (Higham 2002, Accuracy and
Stability of Numerical Algorithms, section 3.1).
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from forecaster.strategies import spectrum
from forecaster.strategies.bounds import Bounds, Scalars, in_turn
from forecaster.strategies.moves import Moves, squared
from forecaster.strategies.spectrum import UNIT
from forecaster.strategies.window import blocks, each

GROUP, COLUMNS = 500, 1000
"""Members whose distances are taken at a time, and of how many others."""
FEWEST = 100
"""Undecided members left over, of whom exact scores are as soon taken."""
ALIGNED = 32
"""Numbers of a vector that the processor takes at a time."""
MEMORY = 64
"""Bytes, from whose multiples on JAX takes memory as it is."""
ROUNDS = 1
"""Of bounding the largest singular value of what rounding took."""


class Rounded(NamedTuple):
    """All moves of those near, rounded.

    Attributes:
        vectors: bfloat16 [near, n or somewhat more]; what is more is 0.
        columns: the same, ``COLUMNS`` at a time, beyond the last 0, and their lengths, squared before rounding, float32
            [COLUMNS], beyond the last -inf.
        wrong: float64 [near], by how much any ``left_out`` of each one's distances together may be off.
    """

    vectors: NDArray[Any]
    columns: list[tuple[jax.Array, jax.Array]]
    wrong: Scalars


def narrowed(moves: Moves, bounds: Bounds, closest: int, kept: int) -> Bounds:
    """The bounds, closer for all whom they leave undecided.

    Args:
        moves: of all members.
        bounds: on their scores so far.
        closest: of how many others a score is.
        kept: how many of the best are looked for.
    """
    found, fleet = bounds, None
    left_out = len(moves.near) - 1 - closest
    if not left_out or not moves.known():
        return found
    to_all, loose = moves.to_all()
    coarse = np.zeros(len(moves.rows), bool)
    coarse[moves.near] = True
    while len(undecided := in_turn(bounds, found, coarse, kept)) >= FEWEST:
        fleet = fleet or _rounded(moves, left_out)
        group = np.searchsorted(moves.near, undecided[:GROUP])
        score = to_all[group] - left_out * moves.lengths[group] - _largest(fleet, group, left_out)
        by = fleet.wrong[group] + loose[group]
        found = moves.narrowed(found, group, score - by, score + by)
        coarse[undecided[:GROUP]] = False
    return found


def _rounded(moves: Moves, left_out: int) -> Rounded:
    count, size = len(moves.near), moves.rows.shape[1]
    full = -(-count // COLUMNS) * COLUMNS
    vectors = _zeros(full, -(-size // ALIGNED) * ALIGNED)

    def lost(some: slice) -> NDArray[np.float32]:
        taken: NDArray[np.float32] = moves.of(some) - vectors[some, :size].astype(np.float32)
        return taken

    def rounded(some: slice) -> Scalars:
        vectors[some, :size] = moves.of(some)
        return squared(lost(some))

    own = 2 * UNIT * np.sqrt(moves.lengths)  # for the moves themselves are rounded too
    errors = np.sqrt(np.concatenate(moves.each(rounded))) + own
    most = spectrum.largest(lost, (count, size), float(np.square(errors).sum()), ROUNDS, moves.seed)
    most += float(np.linalg.norm(own))
    lengths = np.pad(moves.lengths.astype(np.float32), (0, full - count), constant_values=-np.inf)
    columns = [(jax.device_put(vectors[some]), jax.device_put(lengths[some])) for some in blocks(full, COLUMNS)]
    return Rounded(vectors, columns, _wrong(moves, errors, most, left_out))


def _zeros(count: int, size: int) -> NDArray[Any]:
    """Bfloat16 [count, size], where JAX takes them without a copy."""
    kept = np.zeros(2 * count * size + MEMORY, np.uint8)
    first = -kept.ctypes.data % MEMORY
    return kept[first : first + 2 * count * size].view(jnp.bfloat16).reshape(count, size)


def _wrong(moves: Moves, errors: Scalars, most: float, left_out: int) -> Scalars:
    """By how much any ``left_out`` of each one's distances may be off, where rounding moved each by its error.

    Args:
        moves: before rounding.
        errors: float64 [near], their lengths.
        most: their largest singular value.
        left_out: how many.
    """
    size, sizes = moves.rows.shape[1], np.sqrt(moves.lengths) + errors
    products = np.sqrt(left_out) * (errors * moves.largest + sizes * most)
    sums = left_out * (size * 1.01 * UNIT * sizes * sizes.max() + 16 * UNIT * (moves.lengths + moves.lengths.max()))
    return 2 * (products + sums)


def _largest(fleet: Rounded, group: NDArray[np.intp], left_out: int) -> Scalars:
    """What the ``left_out`` largest distances of each come to, without its own length, of rounded moves."""
    rows = jax.device_put(fleet.vectors[np.pad(group, (0, GROUP - len(group)), mode="edge")])
    found = [_distances(rows, *of) for of in fleet.columns]
    distances = np.concatenate(found, axis=1)[: len(group)]

    def largest(some: slice) -> Scalars:
        distances[some].partition(-left_out, axis=1)
        sums: Scalars = distances[some, -left_out:].sum(axis=1, dtype=np.float64)
        return sums

    return np.concatenate(each(largest, blocks(len(group), GROUP // 2)))


@jax.jit
def _distances(rows: jax.Array, columns: jax.Array, lengths: jax.Array) -> jax.Array:
    """Of some from others, without their own lengths, float32 [rows, columns]."""
    products = jax.lax.dot_general(rows, columns, (((1,), (1,)), ((), ())), preferred_element_type=jnp.float32)
    return lengths - 2 * products
