"""Rows that are put together: a device with what belongs to it elsewhere, a version with its counts. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from infra.superset.mongo_adapter.windows import milliseconds, reading_id
from schemas.forecasts import prediction_id

Document = dict[str, Any]

SILENT = timedelta(minutes=60)
"""Event time behind the fleet's newest after which a device counts as silent."""

HORIZON_MS = 1_800_000
"""Whose errors and verdicts a device is shown with."""

DEVICE_FIELDS = (
    *("device_id", "sequence", "event_time", "base_version", "example_count", "reading_partition", "last_offset"),
    *("dataset", "errors"),
)
PLACE = "place"
"""The part of a device that says where it is: its newest placing, which no id names at once (``reader``)."""

PARTS = {"reading": "sensor_readings", "verdict": "predictions"}
"""What else belongs to a device, and the collection where it is found by id."""

VERSION_COUNTS = frozenset({"accepted", "superseded", "rejected", "mean_staleness"})


def ids_of(part: str, everything: Sequence[Document]) -> dict[str, str]:
    """Of each device the id of such a part: its newest reading, the forecast of its newest bin."""
    return {device["device_id"]: _id(part, device) for device in everything}


def devices(everything: Sequence[Document], *parts: tuple[str, Mapping[str, Document]]) -> Iterator[Document]:
    """The devices' documents with those parts, how far each is behind, and its error.

    Args:
        everything: the newest update of every device.
        parts: a name and, by device, what goes below it.
    """
    newest = max((device["event_time"] for device in everything), default=datetime.min)
    for device in everything:
        behind = newest - device["event_time"]
        found: Document = {name: by_device.get(device["device_id"]) for name, by_device in parts}
        error = _error(device)
        yield (
            device
            | found
            | {
                "behind_min": behind / timedelta(minutes=1),
                "state": "silent" if behind > SILENT else "reporting",
                "error_temperature": error.get("mae"),
                "persistence_error_temperature": error.get("persistence_mae"),
            }
        )


def _error(device: Document) -> Document:
    about = "temperature", HORIZON_MS
    return next((each for each in device["errors"] if (each["sensor"], each["horizon_ms"]) == about), {})


def version(document: Document, newest: datetime | None) -> Document:
    """A version with what became of its contributions, and how far behind the fleet's newest event its window is."""
    contributions = document.get("contributions", ())
    outcomes = Counter(each["outcome"] for each in contributions)
    accepted = outcomes["accepted"] + outcomes["clipped"]
    stale = [each["staleness"] for each in contributions if each["outcome"] in ("accepted", "clipped")]
    return document | {
        "accepted": accepted,
        "superseded": outcomes["superseded"],
        "rejected": outcomes["rejected"],
        "mean_staleness": sum(stale) / len(stale) if stale else None,
        "behind_min": None if newest is None else (newest - document["window_end"]) / timedelta(minutes=1),
    }


def _id(part: str, device: Document) -> str:
    if part == "reading":
        return reading_id(device["reading_partition"], device["last_offset"])
    return prediction_id("local", device["device_id"], HORIZON_MS, milliseconds(device["event_time"]) - HORIZON_MS)
