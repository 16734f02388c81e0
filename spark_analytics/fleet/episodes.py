"""Alarms that belong together: anomaly episodes, and the days they lie in. Pure."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from schemas.events import FleetInsight
from spark_analytics.fleet.closing import passed
from spark_analytics.fleet.insights import DAY_MS, Behind, day_of, insight

QUIET = 2
"""Bins without an alarm that may lie within an episode."""


class Scored(NamedTuple):
    """What the predictions of a bin of a device say once it has come: one for each bin, in order.

    Attributes:
        start: of the bin, ms.
        alarm: whether it was an anomaly.
        score: its anomaly score, or 0.
        fault: what the alarm is for, or empty; several with commas.
        offset: of the last reading in the bin.
    """

    start: int
    alarm: bool
    score: float
    fault: str
    offset: int


class Watched(NamedTuple):
    """Whose bins they are, how they came to be judged, and how far earlier events tell of them.

    Attributes:
        device_id, dataset, partition: of the readings.
        source: of the predictions; of a batch also the version, ``batch/v7``.
        bin_ms: length of a bin.
        since: where the newest day of ``alarms`` ends; else before all bins, ms.
        until: where the newest episode that began before that ends; else the same, ms.
    """

    device_id: str
    dataset: str
    partition: int
    source: str
    bin_ms: int
    since: int
    until: int


def episodes(watched: Watched, bins: Sequence[Scored], now: int) -> Iterator[FleetInsight]:
    """Episodes that have ended, and after those of a day the day's ``alarms``.

    An episode: alarmed bins with at most two others between, from its first to the end of its last; ``bins`` alarmed,
    ``severity``: the largest score; in ``labels`` the kinds of ``fault`` and the ``source``. It has ended when the
    device is scored three bins later. A day's alarms: ``bins`` scored and ``alarmed``, ``episodes`` that began in it,
    ``severity`` of the largest; made when the device is scored beyond the day and the day's last episode has ended.
    Where a device has fallen silent and the fleet has gone past the day, all has ended.

    Args:
        watched: whose they are.
        bins: scored ones from ``watched.since`` on, ascending.
        now: the fleet's clock of scored bins, ms.
    """
    if not bins:
        return
    newest, groups = bins[-1].start, _groups(watched, bins)
    silent = passed(now, (day_of(newest) + 1) * DAY_MS)
    days: dict[int, list[Scored]] = {}
    for bin_ in bins:
        days.setdefault(day_of(bin_.start), []).append(bin_)
    for number, scored in days.items():
        span = number * DAY_MS, (number + 1) * DAY_MS
        begun = [group for group in groups if day_of(group[0].start) == number]
        ended = [group for group in begun if silent or newest - group[-1].start > QUIET * watched.bin_ms]
        yield from (_episode(watched, group) for group in ended)
        if not silent and (newest < span[1] or len(ended) < len(begun)):
            return
        yield _alarms(watched, span, scored, len(begun))


def _groups(watched: Watched, bins: Sequence[Scored]) -> list[list[Scored]]:
    groups: list[list[Scored]] = []
    for bin_ in bins:
        if not bin_.alarm or bin_.start < watched.until:
            continue
        if groups and bin_.start - groups[-1][-1].start <= (QUIET + 1) * watched.bin_ms:
            groups[-1].append(bin_)
        else:
            groups.append([bin_])
    return groups


def _episode(watched: Watched, group: Sequence[Scored]) -> FleetInsight:
    faults = {fault for bin_ in group for fault in bin_.fault.split(", ") if fault}
    labels = {"fault": ", ".join(sorted(faults))}
    numbers = {"bins": len(group), "severity": max(bin_.score for bin_ in group)}
    span = group[0].start, group[-1].start + watched.bin_ms
    behind = Behind(watched.partition, min(b.offset for b in group), max(b.offset for b in group))
    return insight(
        *("episode", watched.device_id, span, numbers, watched.dataset),
        source=watched.source,
        labels=labels,
        behind=behind,
    )


def _alarms(watched: Watched, span: tuple[int, int], scored: Sequence[Scored], begun: int) -> FleetInsight:
    alarmed = [bin_.score for bin_ in scored if bin_.alarm]
    numbers = {"bins": len(scored), "alarmed": len(alarmed), "episodes": begun, "severity": max(alarmed, default=0.0)}
    behind = Behind(watched.partition, min(b.offset for b in scored), max(b.offset for b in scored))
    return insight(*("alarms", watched.device_id, span, numbers, watched.dataset), source=watched.source, behind=behind)
