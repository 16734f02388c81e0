import numpy as np
import pytest

from spark_analytics.fleet.insights import DAY_MS, HOUR_MS
from spark_analytics.fleet.neighbours import disagreements, nearest, neighbours
from spark_analytics.fleet.profiles import HOURS
from tests.unit.spark_analytics.fleet.synthetic import DAY_0, daily, known

GRID = {f"mote-{4 * y + x:02d}": (float(x), float(y)) for x in range(4) for y in range(4)}
LATER = DAY_0 + DAY_MS + HOUR_MS


def seasonal(device_id, temperatures):
    return daily("seasonality", device_id, 0, dict(zip(HOURS, temperatures, strict=True)))


def hourly(seed=0):
    random = np.random.default_rng(seed)
    found = {name: 20 + random.normal(0, 0.2, 24) for name in GRID}
    found["mote-05"] = found["mote-05"] + 5
    found["mote-03"][7] = np.nan
    return found


def test_the_nearest_are_of_those_that_reported():
    everybody = dict.fromkeys(GRID, np.zeros(24))
    assert set(nearest(GRID, "mote-05", everybody)) == {"mote-01", "mote-04", "mote-06", "mote-09"}
    del everybody["mote-01"], everybody["mote-04"]
    assert set(nearest(GRID, "mote-05", everybody)) >= {"mote-06", "mote-09"}
    assert "mote-01" not in nearest(GRID, "mote-05", everybody)
    assert len(nearest(GRID, "mote-05", everybody)) == 4


def test_disagreements_by_brute_force():
    temperatures = hourly()
    found, round_it = disagreements(GRID, temperatures)
    for name, (x, y) in GRID.items():
        others = sorted((np.hypot(x - a, y - b), other) for other, (a, b) in GRID.items() if other != name)[:4]
        assert round_it[name] == [other for _, other in others]
        for hour in range(24):
            theirs = [temperatures[other][hour] for _, other in others if not np.isnan(temperatures[other][hour])]
            assert found[name][hour] == pytest.approx(temperatures[name][hour] - np.median(theirs), nan_ok=True)


def test_the_odd_one_out_is_beyond_and_the_others_are_not():
    temperatures = hourly()
    events = {e.device_id: e for e in neighbours(known(*(seasonal(*i) for i in temperatures.items())), GRID, LATER)}
    assert events.keys() == GRID.keys()
    odd = events["mote-05"]
    assert odd.numbers["mean"] == pytest.approx(5, abs=0.5)
    assert odd.numbers["hours_beyond"] == odd.numbers["hours"] == 24
    assert odd.labels == {"neighbours": "mote-01,mote-04,mote-06,mote-09"}
    others = [e for name, e in events.items() if name != "mote-05"]
    assert sum(e.numbers["hours_beyond"] for e in others) < 0.1 * sum(e.numbers["hours"] for e in others)
    every = np.concatenate(list(disagreements(GRID, temperatures)[0].values()))
    every = every[~np.isnan(every)]
    assert odd.numbers["fleet_deviation"] == pytest.approx(1.4826 * np.median(np.abs(every - np.median(every))))
    assert events["mote-03"].numbers["hours"] == 23


def test_nothing_is_said_of_a_day_that_is_not_over_nor_without_neighbours():
    everything = known(*(seasonal(*i) for i in hourly().items()))
    assert list(neighbours(everything, GRID, LATER - 1)) == []
    two = known(*(seasonal(name, hourly()[name]) for name in ("mote-00", "mote-01")))
    assert list(neighbours(two, GRID, LATER)) == []
    assert list(neighbours(everything, {}, LATER)) == []
