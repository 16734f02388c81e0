import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events import SENSORS
from spark_analytics.fleet.insights import DAY_MS
from spark_analytics.fleet.profiles import correlations, profiles, seasonality
from tests.unit.spark_analytics.fleet.synthetic import DAY_0, a_day

values = st.one_of(st.just(np.nan), st.floats(-50, 2000, allow_nan=False).map(lambda v: round(v, 3)))
readings = st.lists(st.tuples(st.integers(0, DAY_MS - 1), *[values] * 4), min_size=1, max_size=60)


def brute(rows):
    frame = pd.DataFrame(rows, columns=["at", *SENSORS])
    return frame.sort_values("at", kind="stable").reset_index(drop=True)


def day_of(rows):
    return a_day([DAY_0 + row[0] for row in rows], [row[1:] for row in rows])


@settings(max_examples=150, deadline=None)
@given(readings)
def test_a_profile_is_what_pandas_says(rows):
    frame = brute(rows)
    made = {event.sensor: event for event in profiles(day_of(rows))}
    assert made.keys() == {sensor for sensor in SENSORS if frame[sensor].notna().any()}
    for sensor, event in made.items():
        own, at = frame[sensor].dropna(), frame.loc[frame[sensor].notna(), "at"]
        gaps = at.diff().dropna()
        expected = {"count": len(own), "missing": len(frame) - len(own), "min": own.min(), "mean": own.mean()}
        expected |= {"max": own.max(), "deviation": own.std(ddof=0)}
        expected |= {f"p{q:02d}": own.quantile(q / 100) for q in (5, 25, 50, 75, 95)}
        expected |= {"largest_gap_s": gaps.max() / 1000 if len(gaps) else 0, "gaps": (gaps > 300_000).sum()}
        assert event.numbers == pytest.approx(expected, rel=1e-9, abs=1e-6)
        assert event.insight_id == f"profile/mote-07/{sensor}/{DAY_0}"
        assert (event.start, event.end) == (DAY_0, DAY_0 + DAY_MS)
        assert (event.reading_partition, event.first_offset, event.last_offset) == (1, 0, len(rows) - 1)


@settings(max_examples=150, deadline=None)
@given(readings)
def test_correlations_are_pandas_own(rows):
    frame = brute(rows)
    made = {name: r for event in correlations(day_of(rows)) for name, r in event.numbers.items()}
    for a in range(4):
        for b in range(a + 1, 4):
            pair = frame[[SENSORS[a], SENSORS[b]]].dropna()
            name = f"{SENSORS[a]}_{SENSORS[b]}"
            assert (name in made) == (len(pair) >= 3 and (pair.nunique() > 1).all()), name
            if name in made:
                assert made[name] == pytest.approx(np.corrcoef(pair.T.to_numpy())[0, 1], abs=1e-6)


def test_a_sensor_follows_another_or_its_opposite():
    rows = [(i * 1000, float(i), -2.0 * i, 5.0, np.nan) for i in range(10)]
    [event] = correlations(day_of(rows))
    assert event.numbers == {"temperature_humidity": pytest.approx(-1)}


@settings(max_examples=100, deadline=None)
@given(readings)
def test_seasonality_is_the_means_by_hour(rows):
    frame = brute(rows)
    means = frame.groupby(frame["at"] // 3_600_000)[list(SENSORS)].mean()
    made = {event.sensor: event.numbers for event in seasonality(day_of(rows))}
    for sensor in SENSORS:
        expected = {f"h{hour:02d}": mean for hour, mean in means[sensor].dropna().items()}
        assert made.get(sensor, {}) == pytest.approx(expected, rel=1e-9, abs=1e-9)
