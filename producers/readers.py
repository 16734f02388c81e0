"""What a reader of somebody's data set is: a file of Python that yields what was measured (docs/own-data.md)."""

import runpy
from pathlib import Path
from typing import Any, NamedTuple

from producers.cleaning import Range
from producers.dataset import DataError
from schemas.events import SENSORS


class Measured(NamedTuple):
    """What a device measured at one moment: °C, %RH, lux, V; ``None`` where it has no such sensor, or no value.

    Attributes:
        device_id: any text.
        event_time: ms since 1970, UTC.
        epoch: the device's own sequence number, where it has one: what comes twice within an hour is a duplicate.
    """

    device_id: str
    event_time: int
    temperature: float | None = None
    humidity: float | None = None
    light: float | None = None
    voltage: float | None = None
    epoch: int | None = None


class Unreadable(NamedTuple):
    """A row that the reader cannot read; it becomes a dead letter."""

    text: str


class Reader(NamedTuple):
    """What a reader's file defines: ``NAME``, ``readings(path)``, and perhaps ``RANGES``, by sensor, ends included.

    ``source`` is the file's own text.
    """

    name: str
    readings: Any
    ranges: dict[str, Range]
    source: bytes


def load(path: Path) -> Reader:
    """The reader in a file.

    Raises:
        DataError: there is no such file, or it is no reader.
    """
    try:
        source, found = path.read_bytes(), runpy.run_path(str(path))
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    name, readings, ranges = found.get("NAME"), found.get("readings"), found.get("RANGES", {})
    if not (isinstance(name, str) and name and callable(readings)):
        raise DataError(f"{path} is no reader: it has to define NAME, a text, and readings(path)")
    if not ranges.keys() <= set(SENSORS):
        raise DataError(f"{path}: RANGES names {', '.join(sorted(ranges.keys() - set(SENSORS)))}, which is no sensor")
    return Reader(name, readings, {sensor: _range(*limits) for sensor, limits in ranges.items()}, source)


def _range(low: float, high: float, unit: str = "") -> Range:
    return Range(low, high, unit, "the reader says so")
