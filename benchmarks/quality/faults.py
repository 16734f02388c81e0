"""Faults put into raw readings, from a seed: what a broken sensor does, at known times.

Every device gets one of each kind on each day, in an order and at moments drawn: one within each six hours. Where a
device has not reported enough for one to be seen, it gets none.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

KINDS = ("spike", "drift", "stuck", "noise")
MINUTES = {"spike": 5, "drift": 120, "stuck": 120, "noise": 60}
SIZES = {"temperature": 1.0, "humidity": 2.0}
"""Of a fault, against a temperature's (°C, %RH)."""
PER_DAY = len(KINDS)
DAY_MS = 86_400_000
LEAST = 3
"""Readings in each five minutes, on average, that a fault needs."""


class Readings(NamedTuple):
    """Readings in order of event time.

    Attributes:
        event_times: int64 [n], ms.
        devices: int [n], from 0.
        values: float64 [n, sensors], NaN where missing.
    """

    event_times: NDArray[np.int64]
    devices: NDArray[np.int64]
    values: NDArray[np.float64]


class Fault(NamedTuple):
    """Device, kind, and from when to when, ms."""

    device: int
    kind: str
    begin: int
    end: int


def injected(
    readings: Readings, sensors: Sequence[tuple[int, str]], begin: int, seed: int
) -> tuple[Readings, list[Fault]]:
    """The readings with faults in some sensors at once, each given by its column and name, from moment ``begin`` on.

    A spike is one reading 3 to 8 °C off, up or down; a drift leads to +3 °C within two hours and ends; stuck is the
    first value for two hours; noise has a standard deviation of 1 °C for an hour. In humidity all is twice as large.
    """
    random = np.random.default_rng(seed)
    values = readings.values.copy()
    faults = []
    for fault, places in _drawn(readings, begin, random):
        one = random.choice(places)
        for column, name in sensors:
            _spoil(values, readings.event_times, column, SIZES[name], fault.kind, places, one, random)
        if fault.kind == "spike":
            at = int(readings.event_times[one])
            fault = fault._replace(begin=at, end=at + 1)
        faults.append(fault)
    return readings._replace(values=values), faults


def _drawn(readings: Readings, begin: int, random: np.random.Generator) -> Iterator[tuple[Fault, NDArray[np.int64]]]:
    """Faults, and the places of the readings that each hits."""
    part = DAY_MS // PER_DAY
    last = int(readings.event_times[-1])
    for device in range(int(readings.devices.max()) + 1):
        own = np.flatnonzero(readings.devices == device)
        times = readings.event_times[own]
        for day in range(begin, last, DAY_MS):
            for n, kind in enumerate(random.permutation(KINDS)):
                long = MINUTES[kind] * 60_000
                start = day + n * part + int(random.integers(0, part - long - 30 * 60_000))
                low, high = np.searchsorted(times, [start, start + long])
                if high - low >= LEAST * long / 300_000:
                    yield Fault(device, str(kind), start, start + long), own[low:high]


def _spoil(
    values: NDArray[np.float64],
    times: NDArray[np.int64],
    column: int,
    size: float,
    kind: str,
    places: NDArray[np.int64],
    one: int,
    random: np.random.Generator,
) -> None:
    if kind == "spike":
        values[one, column] += random.choice([-1, 1]) * random.uniform(3, 8) * size
    elif kind == "drift":
        values[places, column] += 3 * size * (times[places] - times[places[0]]) / (MINUTES[kind] * 60_000)
    elif kind == "stuck":
        values[places, column] = values[places[0], column]
    else:
        values[places, column] += random.normal(0, size, len(places))
