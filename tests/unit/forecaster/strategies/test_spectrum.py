"""The bound on the largest singular value, against the singular values."""

import numpy as np
import pytest

from forecaster.strategies.spectrum import largest

RANDOM = np.random.default_rng(3)
ROWS = RANDOM.standard_normal((300, 80)).astype(np.float32)
MATRICES = {
    "nothing": np.zeros((30, 8), np.float32),
    "one row": ROWS[:1],
    "tall": ROWS,
    "wide": ROWS.T,
    "one direction": np.outer(ROWS[:, 0], ROWS[0]).astype(np.float32),
    "one direction among others": ROWS + 20 * np.outer(np.ones(300), ROWS[0]).astype(np.float32),
    "one of 300 is long": ROWS * np.where(np.arange(300) == 7, 1000, 1)[:, None].astype(np.float32),
}


@pytest.mark.parametrize("name", MATRICES)
def test_it_is_above_and_not_far(name):
    matrix = MATRICES[name] / max(1.0, np.linalg.norm(MATRICES[name], axis=1).max())
    matrix = matrix.astype(np.float32)
    exact = np.linalg.svd(matrix.astype(np.float64), compute_uv=False)[0]
    found = [largest(lambda: np.array_split(matrix, 3), *matrix.shape, bytes([seed])) for seed in range(20)]
    assert exact <= min(found)
    assert max(found) <= 2 * exact


def test_the_same_seed_gives_the_same():
    found = {largest(lambda: [ROWS[:, :9] / 9], 300, 9, seed) for seed in (b"one", b"one", b"other")}
    assert len(found) == 2
