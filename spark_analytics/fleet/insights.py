"""How a finding is named and written down."""

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from schemas.events import FleetInsight

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
WEEK_MS = 7 * DAY_MS
FLEET = "fleet"
"""The ``device_id`` of what is of all devices."""

Known = dict[str, FleetInsight]
"""By id: what is on the log, or as good as there."""


class Behind(NamedTuple):
    """The readings behind a finding: their partition, and the offsets of the first and the last."""

    partition: int
    first: int
    last: int


def insight(
    kind: str,
    device_id: str,
    span: tuple[int, int],
    numbers: Mapping[str, float],
    dataset: str,
    sensor: str | None = None,
    source: str | None = None,
    labels: Mapping[str, str] | None = None,
    behind: Behind | None = None,
) -> FleetInsight:
    """A finding under its deterministic name ``kind/device_id[/sensor or source]/start``.

    Args:
        kind: as docs/analytics.md lists them.
        device_id: or ``FLEET``.
        span: from and up to which moment it holds, ms of event time.
        numbers: what is found; what is not finite is left out.
        dataset: of the readings.
        sensor: that it is about, if it is about one.
        source: of the predictions that it comes from, if it comes from some; a label too.
        labels: what is found in words.
        behind: the readings behind it, if they are one device's.
    """
    start, end = span
    partition, first, last = behind or (None, None, None)
    subject = "/".join(part for part in (kind, device_id, sensor, source) if part is not None)
    return FleetInsight(
        insight_id=f"{subject}/{start}",
        kind=kind,
        device_id=device_id,
        sensor=sensor,
        start=start,
        end=end,
        numbers={name: float(value) for name, value in numbers.items() if math.isfinite(value)},
        labels={**(labels or {}), **({"source": source} if source is not None else {})},
        reading_partition=partition,
        first_offset=first,
        last_offset=last,
        dataset=dataset,
    )


def day_of(moment: int) -> int:
    """Its UTC day, in days since 1970."""
    return moment // DAY_MS


def week_of(moment: int) -> int:
    """Its ISO week, Monday to Sunday in UTC, in weeks since the one of 1970-01-01, which was a Thursday."""
    return (day_of(moment) + 3) // 7


def week_span(week: int) -> tuple[int, int]:
    """From when to when a week is, ms."""
    start = (week * 7 - 3) * DAY_MS
    return start, start + WEEK_MS


def of_kind(known: Known, kind: str) -> Iterable[FleetInsight]:
    """Those of a kind about devices, in the order of device, moment and sensor."""
    found = (e for e in known.values() if e.kind == kind and e.device_id != FLEET)
    return sorted(found, key=lambda e: (e.device_id, e.start, e.sensor or ""))
