"""Private averaging: its noise, and what it says of epsilon."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from forecaster.strategies import CLIPPED, private_fedavg
from tests.unit.forecaster.strategies.windows import PARENT, apply, random_members

NORM, DELTA = 2.0, 1e-5


def strategy(noise_multiplier=1.0, seed=7):
    return private_fedavg(NORM, noise_multiplier, DELTA, seed)


def clipped_mean(members, parent=PARENT):
    moves = np.stack([member.weights for member in members]).astype(np.float64) - parent
    discounts = np.array([member.discount for member in members])
    scale = np.minimum(1, NORM / np.linalg.norm(moves, axis=1)) * discounts
    return parent + (moves * scale[:, None]).mean(axis=0)


def test_without_noise_it_is_the_plain_mean_of_clipped_moves_whatever_examples_are_claimed():
    members = [
        member._replace(discount=discount) for member, discount in zip(random_members(1, 3), (1, 0.5, 0.2), strict=True)
    ]
    aggregate = apply(strategy(noise_multiplier=0.0), members)
    np.testing.assert_allclose(aggregate.weights, clipped_mean(members), rtol=1e-6, atol=1e-6)
    assert {share.coefficient for share in aggregate.shares.values()} == {1 / 3}
    assert aggregate.notes == {"epsilon": math.inf, "delta": DELTA, "round": 1.0}


def test_who_moved_further_than_the_bound_is_clipped():
    members = random_members(1, 3)
    members[1] = members[1]._replace(weights=PARENT + np.float32(1))
    assert apply(strategy(), members).shares["mote-01/3"] == (1 / 3, CLIPPED, "moved 2.44949, the bound is 2")


@pytest.mark.parametrize("count", [1, 10])
def test_the_noise_has_the_standard_deviation_it_should(count):
    size, multiplier = 100_000, 1.5
    parent = np.zeros(size, np.float32)
    members = [member._replace(weights=parent) for member in random_members(1, count, size)]
    aggregate = apply(strategy(multiplier), members, parent)
    scale = multiplier * NORM / count
    assert aggregate.weights.std() == pytest.approx(scale, rel=0.01)
    assert abs(aggregate.weights.mean()) < 4 * scale / math.sqrt(size)


def test_the_noise_is_that_of_seed_and_round_and_of_no_other():
    def noises(seed, rounds=2):
        chosen, still = strategy(seed=seed), random_members(1, 1)[0]._replace(weights=PARENT)
        state = chosen.init(PARENT)
        for _ in range(rounds):
            state, aggregate = chosen.update(state, PARENT, [still])
            yield aggregate.weights.tobytes()

    assert list(noises(7)) == list(noises(7))
    assert len({*noises(7), *noises(8)}) == 4


def renyi(multiplier, rounds):
    """The bound of Mironov 2017, proposition 3, at the best real order."""

    def bound(order):
        return order * rounds / (2 * multiplier**2) + math.log(1 / DELTA) / (order - 1)

    return minimize_scalar(bound, bounds=(1.01, 1000), method="bounded").fun


@pytest.mark.parametrize(("multiplier", "rounds"), [(1.0, 1), (1.0, 8), (4.0, 48)])
def test_epsilon_grows_with_the_rounds_and_is_a_little_better_than_mironovs_bound(multiplier, rounds):
    chosen = strategy(multiplier)
    state, spent = chosen.init(PARENT), []
    for number in range(1, rounds + 1):
        state, aggregate = chosen.update(state, PARENT, random_members(number, 3))
        assert aggregate.notes["round"] == number
        spent.append(aggregate.notes["epsilon"])
    assert spent == sorted(set(spent))
    assert 0.7 * renyi(multiplier, rounds) < spent[-1] < renyi(multiplier, rounds)
