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


def bound(matrix, rounds, seed):
    return largest(lambda some: matrix[some], matrix.shape, np.square(matrix, dtype=np.float64).sum(), rounds, seed)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr("forecaster.strategies.spectrum.SIDE", 100)


@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.parametrize(("rounds", "times"), [(1, 20), (2, 4), (4, 2)])
def test_it_is_above_and_the_more_rounds_the_closer(name, rounds, times):
    matrix = MATRICES[name] / max(1.0, np.linalg.norm(MATRICES[name], axis=1).max())
    matrix = matrix.astype(np.float32)
    exact = np.linalg.svd(matrix.astype(np.float64), compute_uv=False)[0]
    found = [bound(matrix, rounds, bytes([seed])) for seed in range(20)]
    assert exact <= min(found)
    assert max(found) <= times * exact


def test_the_same_seed_gives_the_same():
    found = {bound(ROWS / 9, 4, seed) for seed in (b"one", b"one", b"other")}
    assert len(found) == 2


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_of_what_is_no_number_it_knows_nothing(number):
    matrix = ROWS.copy()
    matrix[7, 7] = number
    with np.errstate(invalid="ignore"):
        assert bound(matrix, 2, b"one") == np.inf
