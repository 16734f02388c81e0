"""How far the findings about each device go, by what is on their own topic: all that a run goes on from. Pure."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from schemas.events import FleetInsight
from spark_analytics.fleet.closing import clock, passed
from spark_analytics.fleet.days import Resumed
from spark_analytics.fleet.episodes import Watched
from spark_analytics.fleet.insights import DAY_MS, Known, day_of, of_kind
from spark_analytics.fleet.quality import resumed


class Standing(NamedTuple):
    """Of a device that has been seen.

    Attributes:
        partition: of its readings.
        after: offset after which its readings lie that no day that is over has.
        newest: event time of the newest before, ms.
        resumed: where its days go on; None while none is over.
        begun: last offset of a day that a run found to be over, and did not come to say so; else None. Those of its
            findings that are on the log were made without what has come since, so the others are too.
    """

    partition: int
    after: int
    newest: int
    resumed: Resumed | None
    begun: int | None = None


def standings(known: Known) -> dict[str, Standing]:
    """By device. Its newest ``quality`` says how far its days go; till there is one, ``joined`` where it begins."""
    found: dict[str, Standing] = {}
    for event in of_kind(known, "joined"):
        assert event.reading_partition is not None
        assert event.first_offset is not None
        found[event.device_id] = Standing(event.reading_partition, event.first_offset - 1, event.start, None)
    for event in of_kind(known, "quality"):
        assert event.reading_partition is not None
        assert event.last_offset is not None
        goes_on = resumed(event)
        found[event.device_id] = Standing(event.reading_partition, event.last_offset, goes_on.newest, goes_on)
    for event in of_kind(known, "profile"):
        standing = found[event.device_id]
        if event.last_offset is not None and event.last_offset > standing.after:
            found[event.device_id] = standing._replace(begun=event.last_offset)
    return found


def starts(known: Mapping[str, Standing]) -> dict[int, int]:
    """By partition, the first offset that may be new; of a partition without devices, none."""
    found: dict[int, int] = {}
    for standing in known.values():
        found[standing.partition] = min(found.get(standing.partition, standing.after + 1), standing.after + 1)
    return found


class Over(NamedTuple):
    """What is over.

    Attributes:
        findings: ``joined``, and all of the days that are over.
        newest: event time of each device's newest reading, ms.
        now: the fleet's clock, ms.
    """

    findings: list[FleetInsight]
    newest: dict[str, int]
    now: int


def over(candidates: Iterable[FleetInsight], known: Mapping[str, Standing]) -> Over | None:
    """Leave out the findings of days that are still open.

    A device's day is over when it has a later one, or the fleet has gone past it (``closing``), or it was over before.

    Args:
        candidates: of every day that there is anything new of.
        known: how far findings went before.

    Returns:
        None where there is no device at all.
    """
    candidates = list(candidates)
    newest = {device_id: standing.newest for device_id, standing in known.items()}
    latest: dict[str, int] = {}
    for event in candidates:
        if event.kind == "quality":
            newest[event.device_id] = max(newest.get(event.device_id, 0), resumed(event).newest)
            latest[event.device_id] = max(latest.get(event.device_id, 0), event.end)
    if not newest:
        return None
    now = clock(newest)
    begun = {device_id: standing.begun for device_id, standing in known.items() if standing.begun is not None}
    findings = [
        event
        for event in candidates
        if event.kind == "joined"
        or event.end < latest[event.device_id]
        or event.last_offset == begun.get(event.device_id, -1)
        or passed(now, event.end)
    ]
    return Over(findings, newest, now)


def watches(known: Known, source: str, bin_ms: int) -> dict[str, Watched]:
    """By device that has been seen: how far ``alarms`` and ``episode`` of a source of predictions go."""
    found: dict[str, Watched] = {}
    for event in of_kind(known, "joined"):
        begin = day_of(event.start) * DAY_MS
        assert event.reading_partition is not None
        place = event.device_id, event.dataset, event.reading_partition
        found[event.device_id] = Watched(*place, source, bin_ms, begin, begin)
    for event in of_kind(known, "alarms"):
        if event.labels["source"] == source:
            found[event.device_id] = found[event.device_id]._replace(since=event.end, until=event.end)
    for event in of_kind(known, "episode"):
        watched = found[event.device_id]
        if event.labels["source"] == source and event.start < watched.since < event.end:
            found[event.device_id] = watched._replace(until=event.end)
    return found
