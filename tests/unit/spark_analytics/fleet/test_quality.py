import numpy as np
import pytest

from spark_analytics.fleet.insights import DAY_MS
from spark_analytics.fleet.quality import of_the_fleet, quality, rejected, resumed
from tests.unit.spark_analytics.fleet.synthetic import DAY_0, a_day, daily, known


def test_a_quarter_of_the_readings_is_missing():
    minutes = [minute for minute in range(24 * 60) if minute % 4]
    event = quality(a_day([DAY_0 + minute * 60_000 for minute in minutes]))
    assert event.numbers["interval_s"] == 60
    assert event.numbers["expected"] == 1440
    assert event.numbers["readings"] == 1080
    assert event.numbers["missing_rate"] == 0.25
    assert resumed(event) == (DAY_0 + DAY_MS, DAY_0 + 1439 * 60_000)


def test_nulls_and_low_voltage_are_counted_by_sensor():
    values = [[20.0, np.nan, 1.0, 2.39], [np.nan, np.nan, 1.0, 2.4], [20.0, 40.0, 1.0, np.nan]]
    numbers = quality(a_day([DAY_0, DAY_0 + 1000, DAY_0 + 2000], values)).numbers
    assert [numbers[f"null_{s}"] for s in ("temperature", "humidity", "light", "voltage")] == [1, 2, 0, 1]
    assert numbers["low_voltage"] == 1


def test_of_one_reading_no_rate_is_said():
    numbers = quality(a_day([DAY_0 + 12_345])).numbers
    assert numbers["readings"] == 1
    assert numbers["newest_s"] == 12.345
    assert not {"expected", "missing_rate", "interval_s"} & numbers.keys()


def test_more_than_expected_is_none_missing():
    # Two bursts: the median interval is long, the readings many.
    times = [DAY_0 + i * 1000 for i in range(100)] + [DAY_0 + DAY_MS - 1 - i * 20_000_000 for i in range(3)]
    assert quality(a_day(times)).numbers["missing_rate"] > 0.99
    times = [DAY_0 + hour * 3_600_000 for hour in range(24)] + [DAY_0 + hour * 3_600_000 for hour in range(24)]
    assert quality(a_day(times)).numbers["missing_rate"] == 0


def test_rejections_are_counted_by_reason():
    event = rejected(quality(a_day([DAY_0])), {"RowError": 3, "LateReadingError": 2})
    assert {k: v for k, v in event.numbers.items() if k.startswith("rejected")} == {
        "rejected": 5,
        "rejected_LateReadingError": 2,
        "rejected_RowError": 3,
    }
    assert rejected(quality(a_day([DAY_0])), {}).numbers["rejected"] == 0


def test_the_fleets_quality_is_of_days_that_it_has_gone_past():
    days = [
        daily("quality", f"mote-{mote:02d}", day, {"readings": 10.0 * mote, "missing_rate": 0.1 * mote}, None)
        for mote in (1, 2, 3)
        for day in (0, 1)
    ]
    [event] = of_the_fleet(known(*days), DAY_0 + DAY_MS + 3_600_000)
    assert event.insight_id == f"quality/fleet/{DAY_0}"
    assert event.device_id == "fleet"
    assert event.numbers["devices"] == 3
    assert event.numbers["readings"] == 60
    assert event.numbers["missing_rate"] == pytest.approx(0.2)
    assert list(of_the_fleet(known(*days), DAY_0 + DAY_MS + 3_599_999)) == []
