"""The least each of Krum's scores can be, from the members' lengths and how far they can get together.

A score is a sum over the ``m`` closest to a member ``x``: ``m |x|² + sum of |y|² - 2 x·(sum of y)``. Seen from the mean
of all ``n``, no sum of ``m`` is longer than ``sqrt(m (n - m) / n)`` times the matrix's largest singular value, and no
sum of squares is less than that of the ``m`` smallest. No distance is taken.
"""

import hashlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from forecaster.strategies import spectrum
from forecaster.strategies.screening import SIDE, Scalars, apart
from forecaster.strategies.spectrum import UNIT
from forecaster.strategies.window import blocks


def floors(rows: NDArray[np.float32], lengths: Scalars, closest: int) -> Scalars:
    """Below every score, float64 [members], and close where members differ in no direction much more than in others.

    It is wrong once in 10¹² windows, as ``spectrum.largest`` is, whose random vectors come of what the members sent.

    Args:
        rows: float32 [members, n].
        lengths: float64 [members], squared, of each row's move from one point, such as their parent.
        closest: from 1 to all others.
    """
    fleet = apart(np.sqrt(lengths), closest)
    near = np.zeros(len(rows), bool)
    near[fleet.near] = True
    centre = _mean(rows, near)
    scale = np.float32(min(fleet.scale, 2.0**120))
    moves = np.empty((SIDE, rows.shape[1]), np.float32)

    def parts() -> Iterator[NDArray[np.float32]]:
        for some in blocks(len(rows), SIDE):
            part = np.subtract(rows[some], centre, out=moves[: some.stop - some.start])
            part *= scale
            part[~near[some]] = 0
            yield part

    with np.errstate(over="ignore", invalid="ignore"):
        own = np.concatenate([np.einsum("ij,ij->i", part, part, dtype=np.float64) for part in parts()])
        seed = hashlib.sha256(centre.tobytes() + own.tobytes()).digest()
        most = spectrum.largest(parts, len(rows), rows.shape[1], seed)
    count = len(fleet.near)
    least = np.partition(own[near], closest - 1)[:closest].sum()
    together = np.sqrt(closest * (count - closest) / count) * most
    together += closest * UNIT * np.linalg.norm(centre.astype(np.float64)) * float(scale)  # the mean is rounded too
    found = (closest * own + least) * (1 - 1e-6) - 2 * np.sqrt(own) * together
    # What float32 cannot hold tells nothing.
    found = np.where(np.isfinite(found), np.maximum(found, 0), 0) / float(scale) ** 2
    return np.where(near, found, fleet.low_of_far)


def _mean(rows: NDArray[np.float32], near: NDArray[np.bool_]) -> NDArray[np.float32]:
    sums = (rows[some][near[some]].sum(axis=0, dtype=np.float64) for some in blocks(len(rows), SIDE))
    mean: NDArray[np.float64] = sum(sums, np.zeros(rows.shape[1])) / near.sum()
    return mean.astype(np.float32)
