"""Bounds on Krum's scores, outlined and narrowed, against the scores; and what is chosen by them and without."""

import numpy as np
import pytest

from forecaster.strategies import screening
from forecaster.strategies.bounds import Bounds, sorted_out
from forecaster.strategies.moves import seen
from forecaster.strategies.outline import outline
from forecaster.strategies.screening import narrowed
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


def asked(rows, byzantine, parent=PARENT):
    """The moves, and of how many others a score is."""
    closest = min(max(1, len(rows) - byzantine - 2), len(rows) - 1)
    return seen(rows, np.square(rows - parent.astype(np.float64)).sum(axis=1), closest), closest


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    for module in ("spectrum", "moves", "outline"):
        monkeypatch.setattr(f"forecaster.strategies.{module}.SIDE", 48)
    for name, value in (("GROUP", 20), ("COLUMNS", 64), ("FEWEST", 1)):
        monkeypatch.setattr(f"forecaster.strategies.screening.{name}", value)


@pytest.mark.parametrize("fleet", FLEETS)
@pytest.mark.parametrize(("members", "byzantine"), [(3, 0), (48, 1), (250, 50), (251, 0), (250, 249), (200, 198)])
def test_every_score_lies_between_its_bounds(fleet, members, byzantine):
    rows = fleet(members)
    exact = scores(PARENT, rows, byzantine).astype(np.float64)
    moves, closest = asked(rows, byzantine)
    outlined = outline(moves, closest)
    # Of whom nothing is known, everybody is measured.
    wide = Bounds(np.zeros(members), np.full(members, 1e300))
    for found in (outlined, narrowed(moves, wide, closest, max(1, members // 2))):
        most = np.finfo(np.float32).max  # where scores end
        assert (np.minimum(found.low, most) * (1 - 1e-6) <= exact + 1e-37).all()  # and below that score is 0
        assert (exact <= found.high * (1 + 1e-6)).all()


@pytest.mark.parametrize("fleet", [moved, scaled, together])
@pytest.mark.parametrize("kept", [1, 700])
def test_bounds_leave_few_members_undecided(fleet, kept):
    moves, closest = asked(fleet(1000), 200)
    found = narrowed(moves, outline(moves, closest), closest, kept)
    assert sorted_out(found, kept)[1].sum() < 30


def long():
    """A fifth lies; all have many numbers."""
    rows = np.random.default_rng(7).standard_normal((1000, 500)).astype(np.float32)
    rows[::5] *= np.float32(-1000)
    return rows, np.zeros(500, np.float32)


def test_an_outline_leaves_few_members_undecided_that_have_many_numbers():
    rows, parent = long()
    assert sorted_out(outline(*asked(rows, 200, parent)), 1)[1].sum() < 100


def test_those_are_measured_whom_the_outline_leaves_undecided(monkeypatch):
    rows, parent = long()
    moves, closest = asked(rows, 300, parent)
    outlined, measured = outline(moves, closest), []
    largest = screening._largest

    def noted(fleet, group, left_out):
        measured.extend(moves.near[group])
        return largest(fleet, group, left_out)

    monkeypatch.setattr("forecaster.strategies.screening._largest", noted)
    narrowed(moves, outlined, closest, 700)
    assert len(measured) == len(set(measured)) < 600
    assert sorted_out(outlined, 700)[1][measured].all()


@pytest.mark.parametrize("fleet", FLEETS)
@pytest.mark.parametrize(("byzantine", "kept"), [(0, 1), (60, 1), (60, 240), (60, 300), (3, 500), (298, 7)])
@pytest.mark.parametrize("few", [0, 20])
@pytest.mark.parametrize("open_", [0, 300], ids=["narrowed", "outlined"])
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
