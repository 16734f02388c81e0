"""The median and the trimmed mean, against NumPy and SciPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from scipy import stats

from forecaster.strategies import Member, median, trimmed_mean
from tests.unit.forecaster.strategies.windows import PARENT, apply, random_members, windows


def fresh(members):
    return [member._replace(discount=1.0) for member in members]


@settings(max_examples=50, deadline=None)
@given(members=windows)
def test_the_median_is_numpys(members):
    expected = np.median(np.stack([member.weights for member in members]).astype(np.float64), axis=0)
    assert apply(median(), fresh(members)).weights.tobytes() == expected.astype(np.float32).tobytes()


@pytest.mark.parametrize("cut", [0.0, 0.1, 0.2, 0.49])
@pytest.mark.parametrize("count", [1, 2, 3, 10, 33])
def test_the_trimmed_mean_is_scipys(cut, count):
    members = random_members(count, count)
    expected = stats.trim_mean(np.stack([member.weights for member in members]).astype(np.float64), cut, axis=0)
    np.testing.assert_allclose(apply(trimmed_mean(cut), members).weights, expected, rtol=6e-8)


def test_a_share_is_how_often_a_member_is_in_the_middle():
    rows = {"a": [1, 1, 5, 0], "b": [2, 3, 4, 0], "c": [3, 2, 3, 9]}
    members = [Member(name, np.array(row, np.float32), 1) for name, row in rows.items()]
    shares = apply(median(), members, np.zeros(4, np.float32)).shares
    # b is in the middle at two of four, c at one; at the last, a and b sent the same.
    assert {name: share.coefficient for name, share in shares.items()} == {"a": 0.125, "b": 0.625, "c": 0.25}


def test_shares_of_an_even_number_are_halves_of_the_middle_two():
    members = [Member(name, np.array([value], np.float32), 1) for name, value in zip("abcd", (4, 1, 3, 2), strict=True)]
    shares = apply(median(), members, np.zeros(1, np.float32)).shares
    assert {name: share.coefficient for name, share in shares.items()} == {"a": 0, "b": 0, "c": 0.5, "d": 0.5}


def test_every_coordinate_counts_alike_whether_or_not_its_middle_two_agree():
    rows = {"a": [0, 4], "b": [5, 0], "c": [5, 9], "d": [9, 5]}
    members = [Member(name, np.array(row, np.float32), 1) for name, row in rows.items()]
    shares = apply(median(), members, np.zeros(2, np.float32)).shares
    assert {name: share.coefficient for name, share in shares.items()} == dict.fromkeys("abcd", 0.25)


def test_who_sent_the_same_number_has_the_same_part_of_what_is_kept_of_it():
    values = dict(zip("abcde", (0, 1, 1, 1, 7), strict=True))
    members = [Member(name, np.array([value], np.float32), 1) for name, value in values.items()]
    shares = apply(trimmed_mean(0.4), members, np.zeros(1, np.float32)).shares
    expected = {"a": 0, "b": 1 / 3, "c": 1 / 3, "d": 1 / 3, "e": 0}
    assert {name: share.coefficient for name, share in shares.items()} == pytest.approx(expected)


@pytest.mark.parametrize("strategy", [median(), trimmed_mean(0.2)], ids=lambda strategy: strategy.name)
def test_a_discount_shrinks_the_move_and_a_few_far_off_hardly_matter(strategy):
    members = random_members(3, 10)
    halves = [
        member._replace(weights=((member.weights + PARENT) / 2).astype(np.float32), discount=1.0) for member in members
    ]
    discounted = apply(strategy, [member._replace(discount=0.5) for member in members]).weights
    np.testing.assert_allclose(discounted, apply(strategy, halves).weights, rtol=1e-6, atol=1e-7)

    members[:2] = [member._replace(weights=member.weights * np.float32(1e20)) for member in members[:2]]
    assert (abs(apply(strategy, members).weights) < 4).all()
