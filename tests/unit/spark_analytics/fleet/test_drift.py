import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import wasserstein_distance

from spark_analytics.fleet.drift import drifts
from spark_analytics.fleet.insights import DAY_MS, HOUR_MS, week_of, week_span
from spark_analytics.fleet.profiles import profiles, seasonality
from tests.unit.spark_analytics.fleet.synthetic import DAY_0, a_day, known

MONDAY = DAY_0 + 3 * DAY_MS


def weeks(seed, shift=0.0, number=14):
    """Daily findings of two weeks of a temperature every 20 minutes, and the raw values: float64 [14, 72]."""
    random = np.random.default_rng(seed)
    hours = np.arange(72) / 3
    values = 20 + 3 * np.sin(hours / 24 * 2 * np.pi) + random.normal(0, 1, (number, 72))
    values[7:] += shift
    events = []
    for day, row in enumerate(values):
        times = MONDAY + day * DAY_MS + np.arange(72) * 20 * 60_000
        made = a_day(times, np.column_stack([row, *[np.full(72, np.nan)] * 3]))
        events += [*profiles(made), *seasonality(made)]
    return known(*events), values


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.floats(-5, 5))
def test_drift_from_daily_findings_is_that_of_the_readings(seed, shift):
    events, values = weeks(seed, shift)
    [event] = drifts(events, {}, MONDAY + 14 * DAY_MS + HOUR_MS)
    before, after = values[:7].ravel(), values[7:].ravel()
    pooled = np.sqrt((before.var(ddof=1) + after.var(ddof=1)) / 2)
    n = event.numbers
    assert n["mean"] == pytest.approx(after.mean())
    assert n["mean_before"] == pytest.approx(before.mean())
    assert n["shift"] == pytest.approx(after.mean() - before.mean(), abs=1e-9)
    assert n["standardized_shift"] == pytest.approx((after.mean() - before.mean()) / pooled, abs=1e-9)
    hourly = values.reshape(2, 7, 24, 3).mean(axis=(1, 3))
    assert n["wasserstein"] == pytest.approx(wasserstein_distance(*hourly))
    assert n["profile_distance"] == pytest.approx(np.abs(hourly[1] - hourly[0]).mean())
    assert (n["days"], n["days_before"]) == (7, 7)
    assert event.insight_id == f"drift/mote-07/temperature/{MONDAY + 7 * DAY_MS}"
    assert (event.start, event.end) == (MONDAY + 7 * DAY_MS, MONDAY + 14 * DAY_MS)


def test_a_week_must_be_over_for_the_device_or_the_fleet():
    events, _ = weeks(0)
    end = MONDAY + 14 * DAY_MS
    assert list(drifts(events, {"mote-07": end - 1}, end)) == []
    assert len(list(drifts(events, {"mote-07": end}, end))) == 1
    assert len(list(drifts(events, {"mote-07": end - 1}, end + HOUR_MS))) == 1


def test_without_the_week_before_nothing_is_said():
    events, _ = weeks(0, number=7)
    assert list(drifts(events, {}, MONDAY + 100 * DAY_MS)) == []


def test_weeks_begin_on_monday():
    assert week_span(week_of(DAY_0)) == (MONDAY - 7 * DAY_MS, MONDAY)
    assert week_of(MONDAY) == week_of(MONDAY - 1) + 1
