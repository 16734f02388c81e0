"""Bounds on Krum's scores of very many members: who is surely kept and who surely not, before any exact score is taken.

A score is what the squared distances to all others come to, less the largest of them. The former follows from the
vectors' lengths alone once they are seen from their mean; only the largest need distances, and these are taken of
vectors rounded to bfloat16, which a processor multiplies several times as fast as float64. What rounding can do to a
product is bounded: ``|a·b - a'·b'| <= |a - a'| |b'| + |a'| |b - b'| + |a - a'| |b - b'|`` (Cauchy and Schwarz), and by
the sum in float32 of ``n`` products ``n * 2^-24 |a'| |b'|`` (Higham 2002, Accuracy and Stability of Numerical
Algorithms, section 3.1).
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from forecaster.strategies.spectrum import UNIT

Scalars = NDArray[np.float64]
SIDE = 500
"""About as many rows of distances, and columns, at a time."""
FAR = 4.0
"""Times the longest of the others, from where a member is further from all of them than they are from each other."""
ALIGNED = 32
"""Numbers of a vector that the processor takes at a time."""


class Bounds(NamedTuple):
    """Between what each member's score lies, float64 [members] each."""

    low: Scalars
    high: Scalars


class Fleet(NamedTuple):
    """All members, of whom those far off are at most as many as no score is of.

    Attributes:
        near: int [some], in order; the others are further from all of these than these are from each other.
        low_of_far: float64 [members], below the scores of those far off; of the others 0.
        scale: a power of two that makes the longest move of those near at most 1, and more than a half.
    """

    near: NDArray[np.intp]
    low_of_far: Scalars
    scale: float


class Rounded(NamedTuple):
    """Some members, seen from the mean and rounded.

    Attributes:
        at: int [some], which they are.
        vectors: bfloat16 [side, n]; rows beyond ``some`` are 0.
        lengths: float64 [some], squared, before rounding.
        sizes: float64 [some], after rounding.
        errors: float64 [some], how far off rounding moved each, at most.
    """

    at: NDArray[np.intp]
    vectors: jax.Array
    lengths: Scalars
    sizes: Scalars
    errors: Scalars


class Tails(NamedTuple):
    """Of each row's distances those over an upper threshold: count and excess; how many are over a lower one."""

    over: jax.Array
    excess: jax.Array
    over_lower: jax.Array


def squared(moves: Scalars) -> Scalars:
    """The length of each row, squared, float64 [rows]."""
    lengths: Scalars = np.einsum("ij,ij->i", moves, moves)
    return lengths


def bounds(rows: NDArray[np.float32], lengths: Scalars, closest: int) -> Bounds:
    """Bounds on the sum of each row's squared distances to its ``closest`` others.

    Args:
        rows: float32 [members, n].
        lengths: float64 [members], squared, of each row's move from one point, such as their parent.
        closest: from 1 to all others.
    """
    fleet = apart(np.sqrt(lengths), closest)
    found = Bounds(fleet.low_of_far, np.full(len(rows), np.inf))
    near, scale = fleet.near, fleet.scale
    own = _between(rows, near, len(near) - 1 - closest, scale)
    sure = ~np.isnan(own.low) & ~np.isnan(own.high)
    found.low[near[sure]], found.high[near[sure]] = own.low[sure] / scale**2, own.high[sure] / scale**2
    return found


def apart(norms: Scalars, closest: int) -> Fleet:
    """Those near and those far off, of members whose moves are as long as ``norms`` [members]."""
    most = len(norms) - 1 - closest
    order = np.argsort(norms, kind="stable")
    last = norms[order[len(order) - most - 1 :]]
    gaps = np.flatnonzero(last[1:] > FAR * last[:-1])
    first = len(order) - most + int(gaps[0]) if len(gaps) and last[0] > 0 else len(order)
    near, far = np.sort(order[:first]), order[first:]
    reach = norms[near].max()
    low = np.zeros(len(norms))
    # At most all but one of those far off are among a far one's closest.
    low[far] = max(0, closest - len(far) + 1) * np.square((norms[far] - reach) * (1 - 1e-3))
    return Fleet(near, low, 2.0 ** -np.ceil(np.log2(reach)) if reach > 0 else 1.0)


def _between(rows: NDArray[np.float32], near: NDArray[np.intp], left_out: int, scale: float) -> Bounds:
    """Bounds on the sum of all distances among those near, less each one's ``left_out`` largest, times ``scale²``."""
    count = len(near)
    pieces = -(-count // SIDE)
    side = -(-count // pieces)
    # Each with a part of all, so that the first is a sample of them.
    parts = [near[first::pieces] for first in range(pieces)]
    centre = (sum(rows[part].sum(axis=0, dtype=np.float64) for part in parts) / count).astype(np.float32)
    blocks = [_rounded(rows, part, centre, scale, side) for part in parts]
    lengths, sizes, errors = (np.concatenate(each) for each in zip(*(block[2:] for block in blocks), strict=True))
    at = np.concatenate([block.at for block in blocks])
    adrift = count * UNIT * np.linalg.norm(centre.astype(np.float64)) * scale  # all moves together; 0 but for rounding
    slack = 2 * np.sqrt(lengths) * adrift
    whole = count * lengths + lengths.sum()
    slack += 1e-9 * whole
    wrong = errors * sizes.max() + sizes * errors.max() + errors * errors.max()
    wrong += rows.shape[1] * 1.01 * UNIT * sizes * sizes.max()
    wrong = 2 * wrong + 32 * UNIT * (lengths + lengths.max())
    low, high = _largest(blocks, lengths, left_out)
    by = left_out * wrong
    order = np.argsort(at)
    return Bounds((whole - high - by - slack)[order], (whole - low + by + slack)[order])


def _rounded(
    rows: NDArray[np.float32], at: NDArray[np.intp], centre: NDArray[np.float32], scale: float, side: int
) -> Rounded:
    moves = rows[at].astype(np.float64)
    moves -= centre
    moves *= scale
    vectors, sizes, errors = _round(moves.astype(np.float32), side - len(at))
    lengths = squared(moves)
    loose = 1 + moves.shape[1] * 1.01 * UNIT  # by which a sum of squares in float32 may be too small
    own = np.sqrt(lengths)
    return Rounded(at, vectors, lengths, np.asarray(sizes, np.float64) * loose, errors * loose + UNIT * own)


@jax.jit(static_argnums=1)
def _round(moves: Any, missing: int) -> tuple[jax.Array, jax.Array, jax.Array]:
    vectors = moves.astype(jnp.bfloat16)
    back = vectors.astype(jnp.float32)
    padded = jnp.pad(vectors, ((0, missing), (0, -moves.shape[1] % ALIGNED)))
    return padded, jnp.linalg.norm(back, axis=1), jnp.linalg.norm(moves - back, axis=1)


def _largest(blocks: list[Rounded], lengths: Scalars, left_out: int) -> Bounds:
    """Between what the ``left_out`` largest of each row's distances come to, as those of the rounded vectors."""
    if not left_out:
        return Bounds(np.zeros_like(lengths), np.zeros_like(lengths))
    first = blocks[0]
    side = len(first.vectors)
    # Of a distance, all but the row's own length; what is missing is further below than any.
    padded = (np.pad(each.lengths, (0, side - len(each.at)), constant_values=-np.inf) for each in blocks)
    parts = [jnp.asarray(each, jnp.float32) for each in padded]
    sample = [_products(block.vectors, first.vectors) for block in blocks]
    ranks = _ranks(len(first.at), left_out / len(lengths))
    thresholds = [_thresholds(own, first, ranks) for own in sample]
    tails: list[list[Tails]] = [[] for _ in blocks]
    for row, block in enumerate(blocks):
        for column in range(row, len(blocks)):
            of = parts[row], parts[column], thresholds[row], thresholds[column]
            one, other = (
                _tails(sample[column].T, *of) if row == 0 else _measured(block.vectors, blocks[column].vectors, *of)
            )
            tails[row].append(one)
            if column != row:
                tails[column].append(other)
    found = [_bounded(*each, left_out) for each in zip(blocks, tails, thresholds, strict=True)]
    return Bounds(*(np.concatenate(each) for each in zip(*found, strict=True)))


def _ranks(sampled: int, part: float) -> tuple[int, int]:
    """Of a sample's values, the largest first, one that is rather among the largest ``part`` of all, and one not."""
    spread = 2 * np.sqrt(sampled * part * (1 - part)) + 1
    return max(0, int(sampled * part - spread)), min(sampled - 1, int(sampled * part + spread))


@jax.jit
def _products(some: jax.Array, others: jax.Array) -> jax.Array:
    return jax.lax.dot_general(some, others, (((1,), (1,)), ((), ())), preferred_element_type=jnp.float32)


def _thresholds(products: jax.Array, sampled: Rounded, ranks: tuple[int, int]) -> NDArray[np.float32]:
    """Two of each row's sampled distances, without its own length, by their ranks, float32 [side, 2]."""
    some = len(sampled.at)
    parts = sampled.lengths.astype(np.float32) - 2 * np.asarray(products)[:, :some]
    places = [some - 1 - rank for rank in ranks]
    return np.partition(parts, places, axis=1)[:, places]


@jax.jit
def _measured(
    some: jax.Array, others: jax.Array, rows: jax.Array, columns: jax.Array, of_rows: jax.Array, of_columns: jax.Array
) -> tuple[Tails, Tails]:
    return _tails(_products(some, others), rows, columns, of_rows, of_columns)


@jax.jit
def _tails(
    products: jax.Array, rows: jax.Array, columns: jax.Array, of_rows: jax.Array, of_columns: jax.Array
) -> tuple[Tails, Tails]:
    """Those of the rows among the columns, and of the columns among the rows."""
    return _tail(columns - 2 * products, of_rows), _tail((rows[:, None] - 2 * products).T, of_columns)


def _tail(parts: jax.Array, thresholds: jax.Array) -> Tails:
    upper, lower = thresholds[:, :1], thresholds[:, 1:]
    excess = jnp.maximum(parts - upper, 0).sum(axis=1)
    return Tails((parts > upper).sum(axis=1), excess, (parts > lower).sum(axis=1))


def _bounded(block: Rounded, tails: list[Tails], thresholds: NDArray[np.float32], left_out: int) -> Bounds:
    count = len(block.at)
    over, excess, over_lower = (
        sum(np.asarray(t[:count], np.float64) for t in each) for each in zip(*tails, strict=True)
    )
    upper, lower = (block.lengths + np.asarray(thresholds[:count, at], np.float64) for at in (0, 1))
    # Whatever the threshold, the k largest come to k times it and what lies over it, or less (Rockafellar and Uryasev
    # 2000, Optimization of Conditional Value-at-Risk, theorem 1).
    high = left_out * upper + excess * (1 + 1e-4)
    known = excess * (1 - 1e-4) + over * upper
    low = np.where(over_lower >= left_out, known + (left_out - over) * lower, known)
    return Bounds(np.where(over > left_out, known * (left_out / np.maximum(over, 1)), low), high)
