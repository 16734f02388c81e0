"""Krum and Multi-Krum, against the definition."""

import numpy as np
import pytest

from forecaster.strategies import REJECTED, krum, multi_krum
from forecaster.strategies.selection import scores
from tests.unit.forecaster.strategies.windows import PARENT, apply, random_members


def by_definition(rows, byzantine):
    rows = rows.astype(np.float64)
    distances = np.array([[np.square(one - other).sum() for other in rows] for one in rows])
    closest = max(1, len(rows) - byzantine - 2)
    return [np.sort(np.delete(own, at))[:closest].sum() for at, own in enumerate(distances)]


@pytest.mark.parametrize(("count", "byzantine"), [(2, 0), (3, 1), (10, 0), (10, 3), (40, 10)])
def test_scores_are_sums_of_squared_distances_to_the_closest(count, byzantine):
    rows = np.stack([member.weights for member in random_members(count, count)])
    np.testing.assert_allclose(scores(PARENT, rows, byzantine), by_definition(rows, byzantine), rtol=1e-6)


def test_scores_in_blocks_are_the_same(monkeypatch):
    rows = np.stack([member.weights for member in random_members(1, 25)])
    whole = scores(PARENT, rows, 4)
    monkeypatch.setattr("forecaster.strategies.selection.ROWS", 7)
    np.testing.assert_allclose(scores(PARENT, rows, 4), whole, rtol=1e-6)


def test_scores_of_others_survive_numbers_whose_squares_float32_lacks():
    rows = np.stack([member.weights for member in random_members(1, 12)])
    rows[3] = 1e25
    expected = np.minimum(by_definition(rows, 3), np.finfo(np.float32).max)
    np.testing.assert_allclose(scores(PARENT, rows, 3), expected, rtol=1e-6)


def test_krum_is_the_member_with_the_best_score_and_says_why_not_the_others():
    members = random_members(5, 9)
    rows = np.stack([member.weights for member in members])
    score = np.array(by_definition(rows, 2))
    best = int(score.argmin())
    aggregate = apply(krum(byzantine=2), members)
    assert aggregate.weights.tobytes() == rows[best].tobytes()
    for at, member in enumerate(members):
        share = aggregate.shares[member.update_id]
        if at == best:
            assert share == (1.0, "accepted", None)
        else:
            reason = f"score {score[at]:.6g}, the best 1 have up to {score[best]:.6g}"
            assert share == (0.0, REJECTED, reason)


def test_multi_krum_is_the_plain_mean_of_those_kept_whatever_examples_they_claim():
    members = random_members(6, 12)
    order = np.argsort(by_definition(np.stack([member.weights for member in members]), 3))[:5]
    kept = [members[at] for at in order]
    aggregate = apply(multi_krum(byzantine=3, kept=5), members)
    expected = np.mean([member.weights.astype(np.float64) for member in kept], axis=0)
    np.testing.assert_allclose(aggregate.weights, expected, rtol=6e-8)
    assert {name for name, share in aggregate.shares.items() if share.coefficient} == {m.update_id for m in kept}
    assert {share.coefficient for share in aggregate.shares.values()} == {0.0, 0.2}


def test_of_members_that_are_alike_the_first_by_id_is_kept():
    members = [member._replace(weights=random_members(1, 1)[0].weights) for member in random_members(2, 6)]
    shares = apply(krum(byzantine=1), members[::-1]).shares
    assert [name for name, share in shares.items() if share.coefficient] == ["mote-00/3"]


def test_more_kept_than_there_are_is_everybody():
    shares = apply(multi_krum(byzantine=1, kept=99), random_members(1, 4)).shares
    assert {share.coefficient for share in shares.values()} == {0.25}
