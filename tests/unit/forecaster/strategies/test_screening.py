"""Bounds on Krum's scores, and floors, against the scores; and what is chosen by them, against what is without."""

import numpy as np
import pytest

from forecaster.strategies.floors import floors
from forecaster.strategies.screening import bounds
from forecaster.strategies.selection import chosen, scores

SIZE = 40
PARENT = np.linspace(-3, 3, SIZE).astype(np.float32)


def moved(members, seed=7):
    return PARENT + 0.1 * np.random.default_rng(seed).standard_normal((members, SIZE)).astype(np.float32)


def scaled(members):
    """Every fifth lies, by a thousand times."""
    rows = moved(members)
    rows[::5] = PARENT - 1000 * (rows[::5] - PARENT)
    return rows


def of_all_sizes(members):
    """No two move as far, and none stands out."""
    return PARENT + np.geomspace(1e-3, 1e3, members, dtype=np.float32)[:, None] * (moved(members) - PARENT)


def together(members):
    """All have gone a long way, in one direction."""
    return moved(members) + np.float32(50)


def alike(members):
    """Many are one and the same."""
    rows = moved(members)
    rows[::2] = rows[0]
    return rows


def enormous(members):
    """Some squares are more than float32 can hold, and one member's than any could."""
    rows = moved(members)
    rows[3::7] *= np.float32(1e22)
    rows[2] = np.float32(3e38)
    return rows


def tiny(members):
    return (moved(members) - PARENT) * np.float32(1e-30) + PARENT * np.float32(1e-30)


def nobody_moved(members):
    return np.tile(PARENT, (members, 1))


FLEETS = [moved, scaled, of_all_sizes, together, alike, enormous, tiny, nobody_moved]


def asked(rows, byzantine):
    moves = rows - PARENT.astype(np.float64)
    return rows, np.square(moves).sum(axis=1), min(max(1, len(rows) - byzantine - 2), len(rows) - 1)


def bounded(rows, byzantine):
    return bounds(*asked(rows, byzantine))


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr("forecaster.strategies.screening.SIDE", 48)
    monkeypatch.setattr("forecaster.strategies.floors.SIDE", 48)


@pytest.mark.parametrize("fleet", FLEETS)
@pytest.mark.parametrize(("members", "byzantine"), [(3, 0), (48, 1), (250, 50), (251, 0), (250, 249), (200, 198)])
def test_every_score_lies_between_its_bounds(fleet, members, byzantine):
    rows = fleet(members)
    exact = scores(PARENT, rows, byzantine).astype(np.float64)
    found = bounded(rows, byzantine)
    most = np.finfo(np.float32).max  # where scores end
    assert (np.minimum(found.low, most) * (1 - 1e-6) <= exact + 1e-37).all()  # and below that score is 0
    assert (exact <= found.high * (1 + 1e-6)).all()
    assert (np.minimum(floors(*asked(rows, byzantine)), most) * (1 - 1e-6) <= exact + 1e-37).all()


@pytest.mark.parametrize("fleet", [moved, scaled, together])
def test_bounds_leave_few_members_open(fleet):
    found = bounded(fleet(1000), 200)
    assert (found.low <= found.high.min()).sum() < 30


def test_floors_leave_few_members_open_that_have_many_numbers():
    rows = np.random.default_rng(7).standard_normal((1000, 500)).astype(np.float32)
    rows[::5] *= np.float32(-1000)
    lengths = np.square(rows, dtype=np.float64).sum(axis=1)
    low = floors(rows, lengths, 798)
    assert (low <= scores(np.zeros(500, np.float32), rows, 200).min()).sum() < 100


@pytest.mark.parametrize("fleet", FLEETS)
@pytest.mark.parametrize(("byzantine", "kept"), [(0, 1), (60, 1), (60, 240), (60, 300), (3, 500), (298, 7)])
@pytest.mark.parametrize(
    ("few", "open_"), [(0, 0), (20, 0), (20, 300)], ids=["bounds", "floors, then bounds", "floors"]
)
def test_those_are_chosen_that_are_without_bounds(fleet, byzantine, kept, few, open_, monkeypatch):
    rows = fleet(300)
    plain = chosen(PARENT, rows, byzantine, kept)
    assert plain.scores is not None
    for name, value in (("MANY", 300), ("FEW", few), ("OPEN", open_)):
        monkeypatch.setattr(f"forecaster.strategies.selection.{name}", value)
    screened = chosen(PARENT, rows, byzantine, kept)
    assert screened.scores is None
    assert screened.kept.tolist() == sorted(plain.kept)
    assert screened.bound == pytest.approx(plain.bound, rel=1e-6)
