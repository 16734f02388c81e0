"""Reads the UCI Occupancy Detection data: one office, a reading a minute of temperature, humidity and light.

The file's header names seven columns, its rows have eight: the first is the row's number.
"""

import csv
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from producers.readers import Measured, Unreadable

NAME = "occupancy"
RANGES = {"temperature": (-10, 60), "humidity": (0, 100), "light": (0, 100_000)}


def readings(path: Path) -> Iterator[Measured | Unreadable]:
    """Every row of a file, in its order."""
    with path.open(newline="") as file:
        rows = csv.reader(file)
        next(rows)
        for row in rows:
            try:
                _, date, temperature, humidity, light, *_ = row
                moment = datetime.fromisoformat(date).replace(tzinfo=UTC)
                values = float(temperature), float(humidity), float(light)
            except ValueError:
                yield Unreadable(",".join(row))
            else:
                yield Measured("office", int(moment.timestamp() * 1000), *values)
