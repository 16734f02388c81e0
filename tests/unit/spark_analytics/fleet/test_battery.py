import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import theilslopes

from spark_analytics.fleet.battery import battery
from tests.unit.spark_analytics.fleet.synthetic import daily


def profiles(means):
    return [daily("profile", "mote-07", day, {"mean": volts}, "voltage") for day, volts in means]


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(st.integers(0, 30), st.floats(2.0, 3.2), min_size=3, max_size=31).map(lambda d: sorted(d.items()))
)
def test_the_slope_is_theil_and_sens(means):
    recent = [(day, volts) for day, volts in means if day > means[-1][0] - 14]
    numbers = battery(profiles(means)).numbers
    assert numbers["days"] == len(recent)
    assert numbers["voltage"] == means[-1][1]
    if len(recent) < 3:
        assert "slope" not in numbers
        return
    x, y = np.array(recent).T
    slope = theilslopes(y, x).slope
    assert numbers["slope"] == pytest.approx(slope, abs=1e-12)
    if "days_left" in numbers:
        assert numbers["slope"] < 0
        today = np.median(y - slope * (x - x[-1]))
        assert numbers["days_left"] == pytest.approx(max(0, (2.4 - today) / slope), rel=1e-6, abs=1e-6)


def test_a_battery_that_falls_by_a_hundredth_a_day():
    numbers = battery(profiles([(day, 2.7 - 0.01 * day) for day in range(10)])).numbers
    assert numbers["slope"] == pytest.approx(-0.01)
    assert numbers["days_left"] == pytest.approx(21)


def test_one_odd_day_changes_nothing():
    means = [(day, 2.7 - 0.01 * day) for day in range(10)]
    means[4] = (4, 3.3)
    assert battery(profiles(means)).numbers["slope"] == pytest.approx(-0.01)


def test_what_does_not_fall_has_no_days_left():
    assert "days_left" not in battery(profiles([(day, 2.7 + 0.01 * day) for day in range(5)])).numbers
    assert "slope" not in battery(profiles([(0, 2.7), (1, 2.6)])).numbers
    assert battery([]) is None


def test_what_is_below_already_has_none_left():
    assert battery(profiles([(day, 2.3 - 0.01 * day) for day in range(5)])).numbers["days_left"] == 0
