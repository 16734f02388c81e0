import jax.numpy as jnp
import numpy as np
import pytest

from forecaster import climatology
from forecaster.config import Config
from tests.unit.forecaster.reference import Usual
from tests.unit.forecaster.series import DAILY, START

CONFIG = Config()
FRIDAY_EVENING = 288 * 12_482 + 280
"""A five-minute bin at 23:20 of the fifth of March 2004."""


def learned(config, moves):
    """Both ours and the reference's after (number, move) pairs."""
    ours, theirs = climatology.empty(config), Usual(config)
    for number, move in moves:
        ours = climatology.learn(config, ours, jnp.int32(number), jnp.asarray(move, jnp.float32))
        theirs.learn(number, move)
    return ours, theirs


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("config", [CONFIG, DAILY], ids=["five minutes", "half an hour"])
def test_usual_moves_are_those_of_an_independent_computation(config, seed):
    config = config._replace(climatology_days=2.0)
    random = np.random.default_rng(seed)
    numbers = START * CONFIG.bin_ms // config.bin_ms + np.sort(random.choice(9 * config.day, 300, replace=False))
    moves = random.normal(0, 1, (300, 4))
    moves[random.random((300, 4)) < 0.2] = np.nan
    ours, theirs = learned(config, zip(numbers.tolist(), moves, strict=True))
    known = 0
    for number in numbers[::20].tolist():
        found = np.asarray(climatology.moves(config, ours, jnp.int32(number + 3)))
        expected = theirs.moves(number + 3)
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)
        known += np.isfinite(expected).sum()
    assert known > 50


def test_a_forecast_across_midnight_takes_each_half_hour_from_its_own_kind_of_day():
    friday = [(FRIDAY_EVENING + i, [1.0] * 4) for i in range(-40, 8)]
    saturday = [(FRIDAY_EVENING + i, [10.0] * 4) for i in range(8, 60)]
    ours, _ = learned(CONFIG, friday + saturday)
    # 23:20: one half-hour of Friday until 23:50 in its slot of 23:00, one from 23:30, then Saturday's.
    found = np.asarray(climatology.moves(CONFIG, ours, jnp.int32(FRIDAY_EVENING)))
    np.testing.assert_allclose(found[:, 0], [1, 2, 1 + 1 + 10 + 10], rtol=1e-5)
    sunday = np.asarray(climatology.moves(CONFIG, ours, jnp.int32(FRIDAY_EVENING + 2 * 288)))
    assert np.isnan(sunday).all() or sunday[0, 0] == 10


def test_what_was_never_seen_is_unknown_and_a_missing_move_teaches_nothing():
    ours, _ = learned(CONFIG, [(START, [1.0, np.nan, 2.0, np.nan])])
    assert np.isnan(np.asarray(climatology.rate(CONFIG, ours, jnp.asarray([START])))[0]).tolist() == [0, 1, 0, 1]
    nothing = climatology.moves(CONFIG, climatology.empty(CONFIG), jnp.int32(START))
    assert np.isnan(nothing).all()


def test_an_old_habit_is_forgotten():
    old = [(START + 288 * 7 * week, [1.0] * 4) for week in range(3)]
    new = [(START + 288 * 7 * week, [5.0] * 4) for week in range(3, 400)]
    ours, _ = learned(CONFIG, old + new)
    np.testing.assert_allclose(climatology.rate(CONFIG, ours, jnp.asarray([START])), 5, rtol=1e-2)
