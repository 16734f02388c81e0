"""All findings of a run, in the order in which they are written. Pure.

First who has joined, in the order of the log: from then on it is known whose readings have to be read again. Then the
days of devices, each over with its last finding. Then what follows from them.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

import pandas as pd

from schemas.codec import Codec
from schemas.events import FleetInsight
from schemas.positions import Positions
from spark_analytics.fleet.battery import battery
from spark_analytics.fleet.days import days
from spark_analytics.fleet.drift import drifts
from spark_analytics.fleet.insights import Behind, Known, insight, of_kind
from spark_analytics.fleet.neighbours import neighbours
from spark_analytics.fleet.profiles import correlations, profiles, seasonality
from spark_analytics.fleet.quality import of_the_fleet, quality, rejected, resumed
from spark_analytics.fleet.standing import Over, Standing
from spark_analytics.readings import readings

ORDER = ("profile", "correlation", "seasonality", "battery", "quality")
"""Quality last: it says that a device's day is over, so whatever a crash has cut off of the day is made again."""

Reasons = Mapping[tuple[str, int], Mapping[str, int]]
"""By device and start of day (ms): how many records were rejected for each reason."""


def candidates(codec: Codec, records: pd.DataFrame, known: Standing | None) -> Iterator[FleetInsight]:
    """Findings of all days of a device that records make, the open one's too.

    Args:
        codec: for what Spark could not read.
        records: a frame of ``readings.COLUMNS``, of one device, all behind ``known.after``.
        known: how far findings went before, if the device has been seen.
    """
    if known is not None and known.begun is not None:
        made = list(candidates(codec, records[records["offset"] <= known.begun], known._replace(begun=None)))
        yield from made
        goes_on = resumed(made[-1])
        records, known = records[records["offset"] > known.begun], known._replace(resumed=goes_on, begun=None)
    taken, letters = readings(codec, records)
    if taken is None:
        return
    columns, partition = taken.columns, taken.partition
    if known is None:
        first, moment = int(columns.offsets[0]), int(columns.event_times[0])
        behind = Behind(partition, first, first)
        yield insight("joined", taken.device_id, (moment, moment), {}, taken.dataset, behind=behind)
    place = taken.device_id, taken.dataset, partition
    unreadable = [letter.origin_offset for letter in letters]
    for day in days(*place, columns, unreadable, known.resumed if known else None):
        yield from profiles(day)
        yield from correlations(day)
        yield from seasonality(day)
        yield quality(day)


def of_devices(found: Over, known: Known, reasons: Callable[[int], Reasons]) -> list[FleetInsight]:
    """What is written about devices: who has joined; days that are over, with batteries and what was rejected.

    Args:
        found: what is over.
        known: what is on the log.
        reasons: by which dead letters from a moment on (ms) were written.
    """
    over = [event for event in found.findings if event.insight_id not in known]
    closing = [event.start for event in over if event.kind == "quality"]
    why = reasons(min(closing)) if closing else {}
    voltages: dict[str, list[FleetInsight]] = defaultdict(list)
    for event in sorted((*of_kind(known, "profile"), *over), key=lambda e: e.start):
        if event.kind == "profile" and event.sensor == "voltage":
            voltages[event.device_id].append(event)
    made: list[FleetInsight] = []
    for event in over:
        if event.kind == "quality":
            event = rejected(event, why.get((event.device_id, event.start), {}))
            made += _battery([v for v in voltages[event.device_id] if v.start <= event.start], event)
        made.append(event)
    new = [event for event in made if event.insight_id not in known]
    joined = sorted((e for e in new if e.kind == "joined"), key=lambda e: (e.reading_partition, e.first_offset))
    days = (e for e in new if e.kind != "joined")
    return [*joined, *sorted(days, key=lambda e: (e.device_id, e.start, ORDER.index(e.kind), e.sensor or ""))]


def _battery(voltages: Sequence[FleetInsight], day: FleetInsight) -> list[FleetInsight]:
    """Of a day in which the voltage was measured."""
    made = battery(voltages) if voltages and voltages[-1].start == day.start else None
    return [] if made is None else [made]


def of_several_days(found: Over, known: Known, places: Positions) -> list[FleetInsight]:
    """What follows from the findings about device-days, once these are on the log: neighbours, drift, the fleet's."""
    made = [*of_the_fleet(known, found.now), *drifts(known, found.newest, found.now)]
    made += neighbours(known, places, found.now)
    return [event for event in made if event.insight_id not in known]
