"""A synthetic fleet's history: when each device reported and what it measured. The same for whoever asks. Pure."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.events import SENSORS
from schemas.topics import PARTITIONS

DEVICES = 54
BEGIN, BIN = 1_077_926_400_000, 300_000  # ms: 2004-02-28
HORIZONS = (1_800_000, 3_600_000, 7_200_000)  # ms
SOURCES = ("local", "stream", "batch")
A_REPORT = len(HORIZONS) * len(SOURCES)
"""Forecasts for each bin that a device reports in."""

_SILENT = 0.05
"""Share of half hours in which a device says nothing."""
_HALF_HOUR_BINS = 6
_LEVEL, _SWING, _NOISE = (20.0, 40.0, 200.0, 2.7), (4.0, 6.0, 180.0, 0.02), (0.15, 0.4, 12.0, 0.004)


class History(NamedTuple):
    """What is behind the events.

    Attributes:
        names: of the devices.
        present: bool [bins, devices], whether a device reported in a bin.
        values: float64 [bins, devices, sensors], °C, %RH, lux and V.
        partitions: of the devices, on every topic.
        offsets: int64 [bins, devices], of the bin's reading in its device's partition of ``iot_stream``.
        too_many: forecasts, from the first on, beyond the number asked for.
    """

    names: tuple[str, ...]
    present: NDArray[np.bool_]
    values: NDArray[np.float64]
    partitions: tuple[int, ...]
    offsets: NDArray[np.int64]
    too_many: int

    @property
    def bins(self) -> int:
        """How many bins there are."""
        return len(self.present)


def history(predictions: int) -> History:
    """As many bins as so many forecasts need, from all sources and for all horizons."""
    random = np.random.default_rng(54)
    bins = 2 * -(-predictions // (DEVICES * A_REPORT)) + _HALF_HOUR_BINS  # twice as many as without a silence
    halves = random.random((-(-bins // _HALF_HOUR_BINS), DEVICES)) >= _SILENT
    present = np.repeat(halves, _HALF_HOUR_BINS, axis=0)
    made = np.cumsum(present.sum(axis=1)) * A_REPORT
    bins = int(np.searchsorted(made, predictions)) + 1
    present = present[:bins]
    names = tuple(f"mote-{number:02d}" for number in range(1, DEVICES + 1))
    partitions = tuple(partition_of(name.encode()) for name in names)
    too_many = int(made[bins - 1]) - predictions
    return History(names, present, _values(random, bins), partitions, _offsets(present, partitions), too_many)


def partition_of(key: bytes) -> int:
    """Where records with a key lie, on every topic."""
    return sum(key) % PARTITIONS


def end_of(bin_: int) -> int:
    """When a bin ends and forecasts are made, ms since 1970."""
    return BEGIN + (bin_ + 1) * BIN


def _values(random: np.random.Generator, bins: int) -> NDArray[np.float64]:
    day = 2 * np.pi * np.arange(bins) * BIN / 86_400_000
    shape = bins, DEVICES, len(SENSORS)
    course = np.sin(day)[:, None, None] + random.normal(0, 0.3, shape[1:])
    values: NDArray[np.float64] = _LEVEL + _SWING * course + random.normal(0, 1, shape) * _NOISE
    return values


def _offsets(present: NDArray[np.bool_], partitions: tuple[int, ...]) -> NDArray[np.int64]:
    offsets = np.zeros(present.shape, np.int64)
    for partition in range(PARTITIONS):
        own = np.array(partitions) == partition
        offsets[:, own] = (np.cumsum(present[:, own]) - 1).reshape(len(present), -1)
    return offsets
