"""How far moves can get together: no choice of ``m`` of them has a sum longer than ``sqrt(m)`` singular values.

The largest singular value is bounded from above by what the matrix makes of random vectors (Halko, Martinsson and Tropp
2011, Finding Structure with Randomness, lemma 4.1): ``|B| <= CERTAIN * sqrt(2/π) * max |B g|`` for ``PROBES`` vectors
``g`` of standard normal numbers, except with probability ``CERTAIN ** -PROBES``. Taken of ``B = A (A' A) ** ROUNDS``,
whose largest singular value is that of ``A`` to the power of ``2 * ROUNDS + 1``, the factor shrinks to its root.
"""

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

PROBES = 12
CERTAIN = 10.0
ROUNDS = 5
UNIT = 2.0**-24
"""What float32 rounds by."""


def largest(parts: Callable[[], Iterable[NDArray[np.float32]]], count: int, size: int, seed: bytes) -> float:
    """An upper bound on the largest singular value, wrong once in ``CERTAIN ** PROBES`` seeds.

    Args:
        parts: some rows at a time, float32 [some, size], of lengths up to 1; the same at each call.
        count: of all rows.
        size: of each.
        seed: of the random vectors. Whoever knows it beforehand could make a matrix it is wrong of.
    """
    random = np.random.default_rng(list(seed))
    probes = random.standard_normal((size, PROBES), np.float32)
    grown = 0.0
    for _ in range(ROUNDS):
        after = np.zeros_like(probes)
        for rows in parts():
            after += rows.T @ (rows @ probes)
        most = float(np.linalg.norm(after, axis=0).max())
        if most == 0:
            return 0.0
        grown += np.log(most)
        probes = after / np.float32(most)
    squares = sum(np.square(rows @ probes, dtype=np.float64).sum(axis=0) for rows in parts())
    found = np.log(CERTAIN * np.sqrt(2 / np.pi)) + np.log(np.max(squares)) / 2 + grown
    # What a product of float32 is off by, at most, beside the largest singular value (Higham 2002, section 3.5).
    loose = 1 + UNIT * (count + size) * np.sqrt(min(count, size))
    return float(np.exp(found / (2 * ROUNDS + 1)) * loose)
