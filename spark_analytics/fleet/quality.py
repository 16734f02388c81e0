"""How good the data of a device-day is, and of a day of the fleet. Pure."""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from schemas.events import SENSORS, FleetInsight
from spark_analytics.fleet.closing import passed
from spark_analytics.fleet.days import Day, Resumed
from spark_analytics.fleet.insights import DAY_MS, FLEET, Known, insight, of_kind

LOW_V = 2.4
"""Below which a mote's measurements are not to be trusted."""
SUMMED = ("readings", "expected", "late", "jumped", "unreadable", "low_voltage", "rejected")


def quality(day: Day) -> FleetInsight:
    """A device-day's; the last event of the day, which says that the device's day is over.

    ``readings`` there are; ``expected`` for a whole day at the day's median interval (``interval_s``), and the
    ``missing_rate``; ``null_<sensor>`` of the readings; ``low_voltage``: readings below 2.4 V; ``late``, ``jumped`` and
    ``unreadable`` as ``days.Day`` has them; ``newest_s``: from the day's start to its newest reading.
    """
    count, steps = len(day.times), np.diff(day.times)
    numbers = {"readings": count, "newest_s": (int(day.times[-1]) - day.span[0]) / 1000}
    if (steps := steps[steps > 0]).size:
        interval = float(np.median(steps))
        expected = DAY_MS / interval
        numbers |= {"interval_s": interval / 1000, "expected": expected, "missing_rate": max(0, 1 - count / expected)}
    missing = np.isnan(day.values).sum(axis=0).tolist()
    numbers |= {f"null_{sensor}": nulls for sensor, nulls in zip(SENSORS, missing, strict=True)}
    low = int((day.values[:, SENSORS.index("voltage")] < LOW_V).sum())
    numbers |= {"low_voltage": low, "late": day.late, "jumped": day.jumped, "unreadable": day.unreadable}
    return insight("quality", day.device_id, day.span, numbers, day.dataset, behind=day.behind)


def rejected(event: FleetInsight, reasons: Mapping[str, int]) -> FleetInsight:
    """The same with ``rejected`` records of the device that day, and how many for each reason."""
    numbers = event.numbers | {"rejected": float(sum(reasons.values()))}
    numbers |= {f"rejected_{reason}": float(count) for reason, count in sorted(reasons.items())}
    return event._replace(numbers=numbers)


def resumed(event: FleetInsight) -> Resumed:
    """Where the days of a device go on after the newest that is over."""
    return Resumed(event.end, event.start + round(event.numbers["newest_s"] * 1000))


def of_the_fleet(known: Known, now: int) -> Iterator[FleetInsight]:
    """For each day that the fleet has gone past: ``devices`` that reported, sums, and the median ``missing_rate``."""
    by_day: dict[tuple[int, int], list[FleetInsight]] = {}
    for event in of_kind(known, "quality"):
        by_day.setdefault((event.start, event.end), []).append(event)
    for span, events in sorted(by_day.items()):
        if passed(now, span[1]):
            numbers = {name: _total(events, name) for name in SUMMED} | {"devices": len(events)}
            rates = [e.numbers["missing_rate"] for e in events if "missing_rate" in e.numbers]
            numbers |= {"missing_rate": float(np.median(rates))} if rates else {}
            yield insight("quality", FLEET, span, numbers, events[-1].dataset)


def _total(events: Iterable[FleetInsight], name: str) -> float:
    return sum(event.numbers.get(name, 0.0) for event in events)
