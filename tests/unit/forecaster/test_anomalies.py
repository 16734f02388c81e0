"""The detector: what it finds in a small fleet, what it leaves alone, and how often it is wrong."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.quality import anomalies
from forecaster.anomalies import detector, evidence, tails, usual
from forecaster.anomalies.battery import VOLTS_PER_DEGREE
from forecaster.anomalies.detector import KINDS
from forecaster.bins import Summary
from forecaster.config import Config, Detection
from forecaster.lockstep import Grid
from tests.unit.forecaster.series import READINGS, START, air

pytestmark = pytest.mark.computes
CONFIG = Config()
DAY = CONFIG.day
NOTHING = detector.nothing()


def summaries(values, volts=None):
    """Of [bins, readings, 2], a bin missing whole or not at all; light is not measured, nor voltage where not given."""
    unknown = np.full(values.shape[:2], np.nan)
    values = np.concatenate([values, np.stack([unknown, unknown if volts is None else volts], axis=2)], axis=2)
    counts = np.isfinite(values).sum(axis=1)
    floats = [part(values, axis=1).astype(np.float32) for part in (np.mean, np.min, np.max, np.std)]
    return Summary(counts.astype(np.int32), *floats)


def voltage(values, seed):
    """Volts [bins, readings] of a battery as warm as these readings, in the steps that a mote measures."""
    volts = 2.6 + VOLTS_PER_DEGREE * (values[:, :, 0] - 21)
    return 0.012 * np.round(volts / 0.012 + np.random.default_rng(seed).uniform(-0.5, 0.5, volts.shape))


@partial(jax.jit, static_argnums=0)
def scanned(config, state, numbers, bins, fleet):
    def step(state, row):
        number, summary = row
        return detector.update(config, state, number, summary, fleet)

    return jax.lax.scan(step, state, (numbers, bins))


def judged(values, fleet=NOTHING, numbers=None, state=None, config=CONFIG, volts=None):
    """State after, and verdicts as NumPy arrays."""
    numbers = START + np.arange(len(values)) if numbers is None else numbers
    state = detector.init(CONFIG) if state is None else state
    state, verdicts = scanned(config, state, jnp.asarray(numbers, jnp.int32), summaries(values, volts), fleet)
    return state, jax.tree.map(np.asarray, verdicts)


def spoiled(values, kind, sensor, begin):
    """A copy with a fault that begins at a bin, and the bins that it has."""
    values, random = values.copy(), np.random.default_rng(9)
    size, long = (1, 2)[sensor], {"spike": 1, "drift": 24, "stuck": 24, "noise": 12}[kind]
    part = values[begin : begin + long, :, sensor]
    if kind == "spike":
        part[0, 3] += 4 * size
    elif kind == "drift":
        part += 3 * size * np.linspace(0, 1, long * READINGS).reshape(long, READINGS)
    elif kind == "stuck":
        part[:] = part[0, 0]
    else:
        part += random.normal(0, size, part.shape)
    return values, slice(begin, begin + long)


@pytest.mark.parametrize("sensor", [0, 1])
@pytest.mark.parametrize("kind", KINDS[1:])
def test_every_kind_of_fault_is_found_and_named(kind, sensor):
    values, bins = spoiled(air(1), kind, sensor, 3 * DAY + 100)
    _, verdicts = judged(values)
    named = np.bincount(verdicts.kind[bins, sensor], minlength=len(KINDS))
    assert named[1:].argmax() + 1 == KINDS.index(kind)
    assert verdicts.alarm[bins, sensor].sum() >= (bins.stop - bins.start) / 3
    before = verdicts.alarm[2 * DAY : bins.start]
    assert before.sum() <= 2


def test_a_drift_is_over_when_the_air_is_back_where_it_was():
    values, bins = spoiled(air(2), "drift", 0, 3 * DAY + 60)
    _, verdicts = judged(values)
    assert verdicts.alarm[bins.stop - 1].any()
    assert not verdicts.alarm[bins.stop + 1 : bins.stop + 40].any()


def test_air_that_warms_at_once_is_no_fault_and_a_sensor_that_does_is_one():
    values = air(3)
    at = 3 * DAY + 100
    warm, wet = values[at, 3:, 0] + 3.0, values[at, 3:, 1]
    steady = evidence.BUFFERING * evidence.MAGNUS_A
    rise = steady * (warm / (warm + evidence.MAGNUS_B) - values[at, 3:, 0] / (values[at, 3:, 0] + evidence.MAGNUS_B))
    real, broken = values.copy(), values.copy()
    real[at, 3:, 0], real[at, 3:, 1] = warm, wet * np.exp(-rise)
    broken[at, 3:, 0] = warm
    assert not judged(real)[1].alarm[at].any()
    assert judged(broken)[1].alarm[at, 0]


def test_a_battery_that_stays_cold_tells_a_drift_earlier():
    """Where vapour wanders by itself, as in a room with people, it says little alone."""
    wandering = 0.004 * np.random.default_rng(1).normal(size=(4 * DAY, 1)).cumsum(axis=0)
    real = air(8)
    real[:, :, 1] *= np.exp(wandering - np.convolve(wandering[:, 0], np.ones(144) / 144, "same")[:, None])
    values, bins = spoiled(real, "drift", 0, 3 * DAY + 120)
    alone, told = (judged(values, volts=volts)[1].alarm[bins].any(axis=1) for volts in (None, voltage(real, 2)))
    assert np.flatnonzero(told)[0] < 12
    assert told.sum() >= alone.sum() + 6
    calm = judged(real, volts=voltage(real, 2))[1].alarm[2 * DAY :]
    assert calm.sum() <= 3


def test_a_battery_that_is_exchanged_or_missing_is_no_fault_of_temperature():
    values = air(9)
    volts = voltage(values, 3)
    volts[3 * DAY + 20 :] += 0.3
    volts[3 * DAY + 120 : 3 * DAY + 160] = np.nan
    state, verdicts = judged(values, volts=volts)
    assert verdicts.alarm[2 * DAY :].sum() <= 3
    for leaf in jax.tree.leaves(state.own):
        assert np.isfinite(leaf).all()


def test_nothing_is_said_before_there_is_a_day_to_compare_with_and_nothing_of_light_and_voltage():
    _, verdicts = judged(air(4))
    assert np.isnan(verdicts.score[:DAY]).all()
    assert not verdicts.alarm[:DAY].any()
    assert np.isfinite(verdicts.score[3 * DAY :, :2]).all()
    assert np.isnan(verdicts.score[:, 2:]).all()
    assert not verdicts.alarm[:, 2:].any()


def test_a_device_without_a_past_leans_on_the_fleet():
    fleet = jax.tree.map(lambda *leaves: np.mean(leaves, axis=0), *[judged(air(seed))[0].own for seed in range(4)])
    values, bins = spoiled(air(7, days=1), "spike", 0, 150)
    _, verdicts = judged(values, fleet, START + 4 * DAY + np.arange(DAY))
    assert verdicts.alarm[bins, 0].all()
    assert verdicts.alarm.sum() <= 3


@pytest.mark.parametrize("sensor", [0, 1])
def test_a_missing_sensor_and_a_silence_are_not_alarms(sensor):
    values = air(5)
    values[3 * DAY + 50 : 3 * DAY + 80, :, sensor] = np.nan
    numbers = START + np.arange(len(values))
    numbers[3 * DAY + 120 :] += 400
    state, verdicts = judged(values, numbers=numbers)
    assert np.isnan(verdicts.score[3 * DAY + 50 : 3 * DAY + 80, sensor]).any()
    assert verdicts.alarm[2 * DAY :].sum() <= 4
    for leaf in jax.tree.leaves(state.own):
        assert np.isfinite(leaf).all()


def test_a_scan_is_one_update_after_the_other():
    values, _ = spoiled(air(6, days=1), "noise", 0, 200)
    state, verdicts = judged(values)
    one = detector.init(CONFIG)
    step = jax.jit(partial(detector.update, CONFIG))
    bins = summaries(values)
    for n in range(len(values)):
        one, verdict = step(one, jnp.int32(START + n), Summary(*(part[n] for part in bins)), NOTHING)
        np.testing.assert_array_equal(verdict.kind, verdicts.kind[n])
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), one, state)


def test_a_fleets_rate_of_false_alarms_is_near_the_setting_whatever_its_noise():
    devices, days = 16, 10
    rows = []
    for seed in range(devices):
        values = air(seed + 20, days, noise=0)
        values[:, :, 0] += 0.02 * np.random.default_rng(seed).standard_t(5, (days * DAY, READINGS)) * (1 + seed)
        rows.append(summaries(values))
    bins = Summary(*(np.stack(parts, axis=1) for parts in zip(*rows, strict=True)))
    grid = Grid(START, bins, np.ones((days * DAY, devices), bool))
    false = len(anomalies.episodes(anomalies.alarms(CONFIG, grid)[3 * DAY :]))
    assert false / devices / (days - 3) <= 2 * CONFIG.detection.false_alarms


def test_a_higher_setting_gives_more_alarms():
    values = air(30, 6, noise=0.1)
    settings = (CONFIG._replace(detection=Detection(false_alarms=rate)) for rate in (0.1, 20))
    few, many = (judged(values, config=config)[1].alarm[2 * DAY :].sum() for config in settings)
    assert few < many


def test_p_values_are_the_shares_of_a_sorted_past():
    random = np.random.default_rng(0)
    past = np.exp(random.normal(0.5, 0.6, 4000)).astype(np.float32)
    own = tails.empty()
    none = jnp.zeros(tails.KINDS)
    learn = jax.jit(lambda own, x: tails.learn(own, tails.empty(), none + x, none > 0, none, DAY, 1e9))
    own = jax.lax.scan(lambda own, x: (learn(own, x), None), own, past)[0]
    shares = tails.survival(own, tails.empty())
    for level in (1.0, 2.0, 4.0):
        found = np.asarray(tails.probability(shares, none + level))
        np.testing.assert_allclose(found, (past >= level).mean(), rtol=0.1)


def test_the_usual_size_is_the_root_mean_square_at_this_time_of_day_on_the_livelier_kind_of_day():
    own, random = usual.empty(), np.random.default_rng(1)
    calm, lively = random.exponential(1.0, (24, 8)), random.exponential([2.0] * 6 + [0.4, 2.0], (24, 8))
    for kind, rows in ((jnp.int32(0), calm), (jnp.int32(1), lively)):
        for row in rows:
            own = usual.learn(CONFIG, 1e9, own, (kind, jnp.int32(3)), jnp.asarray(row), jnp.full(8, jnp.inf))
    found = usual.size(own, usual.empty(), jnp.int32(3))
    expected = [np.sqrt((rows**2).mean(axis=0)) for rows in (calm, lively)]
    assert expected[0][6] > expected[1][6]
    np.testing.assert_allclose(found, np.maximum(*expected), rtol=1e-4)
    assert (usual.seen(own, jnp.int32(3)) == 48).all()


def test_saturday_and_monday_are_of_two_kinds():
    saturday, monday = (1_078_531_200_000 // CONFIG.bin_ms + days * DAY for days in (0, 2))
    assert [tuple(map(int, usual.slot(CONFIG, jnp.int32(day + 13 * 12)))) for day in (saturday, monday)] == [
        (1, 6),
        (0, 6),
    ]
