"""Faults are where they are said to be, and finding them is counted as it is defined."""

import numpy as np
import pytest

from benchmarks.quality.anomalies import episodes, score
from benchmarks.quality.anomaly_baselines import over_usual, threshold
from benchmarks.quality.faults import DAY_MS, KINDS, MINUTES, Fault, Readings, injected
from benchmarks.quality.grids import binned
from forecaster.config import Config
from forecaster.lockstep import Grid

CONFIG = Config()
START = 1_078_358_400_000  # 2004-03-04
DEVICES, DAYS, EVERY_MS = 3, 2, 30_000


def readings():
    """Every half minute of two days; the last device is silent on the second."""
    times = np.repeat(np.arange(START, START + DAYS * DAY_MS, EVERY_MS), DEVICES)
    devices = np.tile(np.arange(DEVICES), len(times) // DEVICES)
    values = np.random.default_rng(0).normal([20, 40, 300, 2.6], 0.1, (len(times), 4))
    there = (devices < DEVICES - 1) | (times < START + DAY_MS)
    return Readings(times[there], devices[there], values[there])


@pytest.mark.parametrize("sensors", [((0, "temperature"),), ((1, "humidity"),), ((0, "temperature"), (1, "humidity"))])
def test_faults_are_in_the_sensors_and_at_the_moments_that_are_named(sensors):
    clean = readings()
    spoiled, faults = injected(clean, sensors, START, seed=1)
    assert {(fault.device, fault.kind) for fault in faults} == {(d, kind) for d in range(DEVICES) for kind in KINDS}
    assert len(faults) == (DEVICES * DAYS - 1) * len(KINDS)
    columns = [column for column, _ in sensors]
    changed = spoiled.values != clean.values
    assert not np.delete(changed, columns, axis=1).any()
    hit = np.zeros(len(changed), bool)
    for fault in faults:
        inside = (clean.devices == fault.device) & (clean.event_times >= fault.begin) & (clean.event_times < fault.end)
        hit |= inside
        assert fault.kind == "spike" or fault.end - fault.begin == MINUTES[fault.kind] * 60_000
        for column, name in sensors:
            size = 2 if name == "humidity" else 1
            before, after = clean.values[inside, column], spoiled.values[inside, column]
            off = (after - before) / size
            if fault.kind == "spike":
                assert inside.sum() == 1
                assert 3 <= abs(off[0]) <= 8
            elif fault.kind == "drift":
                assert off[0] == 0
                assert off[-1] == pytest.approx(3, abs=0.02)
            elif fault.kind == "stuck":
                assert set(after) == {before[0]}
            else:
                assert off.std() == pytest.approx(1, abs=0.3)
    assert not changed[~hit].any()


def test_a_seed_gives_the_same_faults_and_another_gives_others():
    one, again, other = (injected(readings(), ((0, "temperature"),), START, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one[0].values, again[0].values)
    assert one[1] == again[1] != other[1]


def test_bins_say_what_is_in_them():
    stream = readings()
    values = stream.values.copy()
    values[::7, 1] = np.nan
    grid = binned(CONFIG, stream._replace(values=values))
    at = 100
    inside = (stream.devices == 1) & (stream.event_times // CONFIG.bin_ms - grid.first == at)
    for sensor in range(4):
        some = values[inside, sensor][np.isfinite(values[inside, sensor])]
        expected = [len(some), some.mean(), some.min(), some.max(), some.std()]
        np.testing.assert_allclose([part[at, 1, sensor] for part in grid.summary], expected, rtol=1e-5)
    assert grid.present.shape == (DAYS * CONFIG.day, DEVICES)
    assert not grid.present[CONFIG.day :, DEVICES - 1].any()
    assert np.isnan(grid.summary.mean[CONFIG.day, DEVICES - 1]).all()


def test_alarms_are_counted_as_episodes_found_faults_and_points():
    alarm = np.zeros((60, 2), bool)
    alarm[[10, 11, 14, 20, 40], 0] = True  # a gap of two is bridged, one of five is not
    alarm[30, 1] = True
    assert episodes(alarm) == [(0, 10, 14), (0, 20, 20), (0, 40, 40), (1, 30, 30)]
    first = START // CONFIG.bin_ms
    grid = Grid(first, None, np.ones_like(alarm))
    moment = lambda bin_: START + bin_ * CONFIG.bin_ms  # noqa: E731
    faults = [
        Fault(0, "drift", moment(8), moment(12)),  # found after two bins
        Fault(0, "stuck", moment(31), moment(35)),  # found half an hour after its end, in the last bin that counts
        Fault(1, "noise", moment(0), moment(20)),  # not found
        Fault(1, "spike", moment(30) + 1000, moment(30) + 1001),  # found at once
    ]
    found = score(CONFIG, grid, alarm, faults, first)
    assert {kind: list(part) for kind, part in found.delays.items() if kind != "noise"} == {
        "drift": [15],
        "stuck": [50],
        "spike": [pytest.approx(4 + 59 / 60)],
    }
    assert np.isnan(found.delays["noise"]).all()
    assert found.false == 1
    assert found.event_precision == pytest.approx(3 / (3 + 1))
    assert found.event_f1 == pytest.approx(2 * 3 / (3 + 1 + 4))
    assert found.point_f1 == pytest.approx(2 * 3 / (6 + 4 + 4 + 20 + 1))
    later = score(CONFIG, grid, alarm, [], first + 35)
    assert later.false == 1


def test_nothing_to_find_and_nothing_cried_is_a_score():
    grid = Grid(0, None, np.ones((9, 1), bool))
    found = score(CONFIG, grid, np.zeros((9, 1), bool), [], 0)
    assert (found.event_precision, found.event_f1, found.point_f1, found.false) == (0, 0, 0, 0)


def test_a_baselines_threshold_knows_only_the_day_before():
    random = np.random.default_rng(0)
    grid = Grid(0, None, np.ones((3 * CONFIG.day, 4), bool))
    scores = random.random(grid.present.shape).astype(np.float32)
    level = threshold(CONFIG, grid, scores, 2 * CONFIG.day, 0.5)
    other = scores.copy()
    other[2 * CONFIG.day :] += 100
    other[: CONFIG.day] += 100
    assert threshold(CONFIG, grid, other, 2 * CONFIG.day, 0.5) == level
    assert len(episodes(scores[CONFIG.day : 2 * CONFIG.day] > level)) <= 0.5 * 4


def test_an_error_is_held_against_the_usual_one_which_it_changes_by_a_bounded_step():
    sizes = np.ones((40, 1, 2))
    sizes[30, 0, 0], sizes[30, 0, 1] = 50, np.nan
    scores = over_usual(sizes)[:, 0]
    assert np.isnan(scores[:24]).all()
    np.testing.assert_allclose(scores[24:31], [1, 1, 1, 1, 1, 1, 50])
    # The mean of thirty ones and a three; the other sensor's is still one.
    np.testing.assert_allclose(scores[31], 1)
    assert over_usual(np.where(np.arange(40)[:, None, None] == 31, 2, sizes[:, :, :1]))[31, 0] == 2 / ((30 + 3) / 31)
