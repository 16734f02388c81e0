import jax.numpy as jnp
import numpy as np
import pytest

from forecaster import climatology
from forecaster.config import Config
from forecaster.features import advance, complete, empty, gap, observe, shift, size, usual
from tests.unit.forecaster import reference
from tests.unit.forecaster.series import START, random_walk

CONFIG = Config()


def history_of(bins, config=CONFIG):
    history = empty(config)
    for number, values in bins.items():
        history = advance(config, history, jnp.int32(number), jnp.asarray(values, jnp.float32))
    return history


def featurize(config, history, fleet=None):
    fleet = climatology.empty(config) if fleet is None else fleet
    return complete(config, observe(config, history), history.newest, fleet)


def expected(bins, fleet, config=CONFIG):
    def at(number):
        return np.asarray(bins.get(number, np.full(4, np.nan)))

    own = reference.Usual(config)
    for number in bins:
        begun = number - config.half_hour
        own.learn(begun, (at(number) - at(begun)) / reference.SCALES)
    return reference.features(config, at, max(bins), own, fleet)


def fleets(seed, numbers, config=CONFIG):
    """A fleet's climatology that knows something around ``numbers``, ours and the reference's."""
    ours, theirs = climatology.empty(config), reference.Usual(config)
    for number in numbers:
        move = np.random.default_rng([seed, number]).normal(0, 1, 4)
        ours = climatology.learn(config, ours, jnp.int32(number), jnp.asarray(move, jnp.float32))
        theirs.learn(number, move)
    return ours, theirs


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("silent", [(), range(5, 8), range(1, 30), (39, 38)], ids=str)
def test_features_are_those_of_an_independent_computation(seed, silent):
    values = random_walk(seed, 41, missing=0.1)
    bins = {START + i: row for i, row in enumerate(values) if i not in silent}
    ours, theirs = fleets(seed, range(START + 20, START + 80, 1 + seed))
    vector = np.asarray(featurize(CONFIG, history_of(bins), ours))
    assert vector.shape == (size(CONFIG),) == (56,)
    np.testing.assert_allclose(vector, expected(bins, theirs), rtol=1e-4, atol=2e-3)


@pytest.mark.parametrize("bin_ms", [300_000, 1_800_000, 3_600_000])
def test_the_clock_features_are_the_time_of_day_for_any_length_of_bin(bin_ms):
    config = Config(bin_ms=bin_ms)
    for hour in (0, 6, 12, 23):
        number = (12_000 * 24 + hour) * 3_600_000 // bin_ms
        clock = np.asarray(featurize(config, history_of({number: [20, 40, 300, 2.6]}, config)))[28:32]
        angle = 2 * np.pi * hour / 24
        np.testing.assert_allclose(
            clock, [np.sin(angle), np.cos(angle), np.sin(2 * angle), np.cos(2 * angle)], atol=1e-5
        )


def test_what_is_missing_is_zero():
    vector = np.asarray(featurize(CONFIG, history_of({START: [np.nan] * 4})))
    assert (np.delete(vector, range(28, 32)) == 0).all()
    first = np.asarray(featurize(CONFIG, history_of({START: [30.0, 40, 300, 2.6]})))
    np.testing.assert_allclose(first[20:24], [1, 0, 0, 0], atol=1e-5)
    assert (np.delete(first, range(20, 32)) == 0).all()


def test_the_fleets_usual_moves_stand_in_for_those_that_a_device_lacks():
    ours, theirs = fleets(1, range(START - 12, START + 60))
    alone = np.asarray(featurize(CONFIG, history_of({START: [20, 40, 300, 2.6]}), ours))
    np.testing.assert_allclose(alone[32:44], theirs.moves(START).ravel(), rtol=1e-4)
    np.testing.assert_array_equal(alone[32:44], alone[44:56])
    np.testing.assert_allclose(usual(CONFIG, alone), theirs.moves(START), rtol=1e-4)


@pytest.mark.parametrize("wild", [1e30, -1e30, np.inf, -np.inf])
def test_wild_values_stay_within_bounds(wild):
    bins = {START - 1: [20.0, 40, 300, 2.6], START: [wild] * 4}
    vector = np.asarray(featurize(CONFIG, history_of(bins)))
    assert np.isfinite(vector).all()
    assert np.abs(vector).max() <= 10


def test_a_silence_longer_than_the_history_leaves_nothing_of_it():
    bins = {START + i: row for i, row in enumerate(random_walk(1, CONFIG.span))}
    for silence in (CONFIG.span, CONFIG.span + 1, 10**6):
        history = advance(CONFIG, history_of(bins), jnp.int32(max(bins) + silence), jnp.asarray([1.0, 2, 3, 4]))
        assert np.isnan(history.values[1:]).all()
        assert history.values[0].tolist() == [1, 2, 3, 4]
    oldest = advance(CONFIG, history_of(bins), jnp.int32(max(bins) + CONFIG.span - 1), jnp.zeros(4))
    np.testing.assert_array_equal(oldest.values[-1], np.float32(bins[max(bins)]))


def test_shifting_ages_rows_and_forgets_the_oldest():
    ring = jnp.arange(5.0)
    assert shift(ring, jnp.int32(0)).tolist() == [0, 1, 2, 3, 4]
    np.testing.assert_array_equal(shift(ring, jnp.int32(2)), [np.nan, np.nan, 0, 1, 2])
    assert np.isnan(shift(ring, jnp.int32(5))).all()
    assert shift(jnp.arange(5), jnp.int32(3)).tolist() == [0, 0, 0, 0, 1]
    table = shift(jnp.arange(6.0).reshape(3, 2), jnp.int32(1))
    np.testing.assert_array_equal(table, [[np.nan, np.nan], [0, 1], [2, 3]])


def test_the_gap_before_the_first_bin_is_all_of_the_history():
    assert int(gap(empty(CONFIG), jnp.int32(0), CONFIG.span)) == CONFIG.span
    assert int(gap(empty(CONFIG), jnp.int32(START), CONFIG.span)) == CONFIG.span
    assert int(gap(history_of({START: [1, 2, 3, 4]}), jnp.int32(START + 3), CONFIG.span)) == 3
