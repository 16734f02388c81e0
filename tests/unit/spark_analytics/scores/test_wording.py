"""Numbers and moments in words."""

import math

import pytest

from spark_analytics.scores.wording import count, instant, minute, number, span, stretch, versions

HOUR = 3_600_000


def test_numbers():
    assert [number(0.123456), number(1234.5, 2), number(None), number(math.nan)] == ["0.1235", "1.2e+03", "–", "–"]
    assert count(1234567.0) == "1,234,567"
    assert [versions(3.0, 3.0), versions(3, 17)] == ["3", "3 to 17"]


def test_moments():
    assert minute(1_078_401_600_123) == "2004-03-04 12:00"
    assert instant(1_078_401_600_123) == "2004-03-04T12:00:00Z"


@pytest.mark.parametrize(
    ("ms", "text"), [(HOUR, "hour"), (6 * HOUR, "6 hours"), (24 * HOUR, "day"), (HOUR // 4, "15 minutes")]
)
def test_spans(ms: int, text: str):
    assert span(ms) == text


@pytest.mark.parametrize(("hours", "size"), [(0, 1), (48, 1), (49, 6), (288, 6), (289, 24), (10_000, 24)])
def test_time_is_cut_into_some_dozens(hours: int, size: int):
    assert stretch(1000, 1000 + hours * HOUR) == size * HOUR
