"""Scored forecasts into sums, each forecast once, whatever comes again and in whatever order. Pure.

A document says which forecasts are in it (``seen``): of each device the moments at which they were made. A forecast
that is in it already adds nothing, so a batch may be folded in again after any crash. Of a device's repeats the first
to come counts, as in the view of predictions: both read a partition in its order.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
from bson import Binary, Int64

from mongo_sink.documents import Document, date
from mongo_sink.rollups.scores import Error, Score

HOUR, DAY = 3_600_000, 86_400_000  # ms

SUMS = ("count", "absolute_error", "persistence_count", "persistence_absolute_error")
BUCKETS = 16
SMALLEST = {"temperature": 15_625, "humidity": 15_625, "light": 250_000, "voltage": 250}
"""Below which errors lie in the first bucket, millionths of the unit; each further one is twice as wide."""


class Grain(NamedTuple):
    """What is summed into one document.

    Attributes:
        collection: of the documents.
        length_ms: of event time, by when a forecast was made.
        of_device: whether devices are kept apart, with a histogram, and versions of the model together; else the
            other way round, a document for each partition of readings.
    """

    collection: str
    length_ms: int
    of_device: bool


HOURLY = Grain("forecast_errors_hourly", HOUR, of_device=False)
DAILY = Grain("forecast_errors_daily", DAY, of_device=True)
GRAINS = (HOURLY, DAILY)


def id_of(grain: Grain, score: Score) -> str:
    """``source/device or p and partition/horizon in minutes/start in ms``; of a batch evaluation also the version."""
    whose = score.device_id if grain.of_device else f"p{score.reading_partition}"
    version = f"/{score.model_version}" if score.source == "batch" else ""
    return f"{score.source}/{whose}/{score.horizon_ms // 60_000}/{_start(grain, score)}{version}"


def rolled_up(grain: Grain, held: Mapping[str, Document], scores: Iterable[Score]) -> dict[str, Document]:
    """The documents that the scores change, by ``_id``.

    Args:
        grain: what to sum up by.
        held: the documents that there are with the scores' ids.
        scores: in the order of the log, as far as they are of one device.
    """
    grouped: dict[str, list[Score]] = {}
    for score in scores:
        grouped.setdefault(id_of(grain, score), []).append(score)
    changed = {}
    for id_, group in grouped.items():
        before = held.get(id_) or _empty(grain, id_, group[0])
        after = _with(grain, before, group)
        if after["scored"] != before["scored"]:
            changed[id_] = after
    return changed


def _start(grain: Grain, score: Score) -> int:
    return score.made_at // grain.length_ms * grain.length_ms


def _empty(grain: Grain, id_: str, score: Score) -> Document:
    return {
        "_id": id_,
        "source": score.source,
        "device_id": score.device_id if grain.of_device else None,
        "horizon_ms": Int64(score.horizon_ms),
        "start": date(_start(grain, score)),
        "model_version": Int64(score.model_version) if score.source == "batch" else None,
        "dataset": "",
        "reading_partition": score.reading_partition,
        "newest_offset": Int64(-1),
        "scored": Int64(0),
        "alarms": Int64(0),
        "sums": [],
        "seen": [],
    }


def _with(grain: Grain, document: Document, scores: Iterable[Score]) -> Document:
    start = round(document["start"].timestamp() * 1000)
    seen = {each["device_id"]: set(np.frombuffer(each["made_at"], "<u4").tolist()) for each in document["seen"]}
    sums = {(each["model_version"], each["sensor"]): _numbers(grain, each) for each in document["sums"]}
    dataset, newest = document["dataset"], document["newest_offset"]
    scored, alarms = document["scored"], document["alarms"]
    for score in scores:
        moments = seen.setdefault(score.device_id, set())
        if score.made_at - start in moments:
            continue
        moments.add(score.made_at - start)
        scored, alarms = scored + 1, alarms + score.alarm
        dataset, newest = max(dataset, score.dataset), max(newest, score.reading)
        version = None if grain.of_device else score.model_version
        for error in score.errors:
            numbers = sums.get((version, error.sensor))
            if numbers is None:
                numbers = sums[version, error.sensor] = [0] * (len(SUMS) + (BUCKETS if grain.of_device else 0))
            _add(numbers, error)
    return document | {
        "dataset": dataset,
        "newest_offset": Int64(newest),
        "scored": Int64(scored),
        "alarms": Int64(alarms),
        "sums": [_summed(grain, *key, sums[key]) for key in sorted(sums, key=lambda key: (key[0] or 0, key[1]))],
        "seen": [{"device_id": device, "made_at": _packed(seen[device])} for device in sorted(seen)],
    }


def _numbers(grain: Grain, sums: Document) -> list[int]:
    """Of ``SUMS``, then of the histogram: plain, for they are added to one by one."""
    return [*(int(sums[name]) for name in SUMS), *(map(int, sums["histogram"]) if grain.of_device else ())]


def _add(numbers: list[int], error: Error) -> None:
    numbers[0] += 1
    numbers[1] += error.absolute
    if error.persistence is not None:
        numbers[2] += 1
        numbers[3] += error.persistence
    if len(numbers) > len(SUMS):
        numbers[len(SUMS) + min((error.absolute // SMALLEST[error.sensor]).bit_length(), BUCKETS - 1)] += 1


def _summed(grain: Grain, model_version: int | None, sensor: str, numbers: list[int]) -> Document:
    of_all = [Int64(number) for number in numbers]
    version = None if model_version is None else Int64(model_version)
    histogram = {"histogram": of_all[len(SUMS) :]} if grain.of_device else {}
    return {"model_version": version, "sensor": sensor, **dict(zip(SUMS, of_all, strict=False)), **histogram}


def _packed(moments: Iterable[int]) -> Binary:
    return Binary(np.array(sorted(moments), "<u4").tobytes())
