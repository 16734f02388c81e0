"""A prepared data set as the grid of bins that its devices would close on the stream."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.faults import Readings
from forecaster.binning import summaries
from forecaster.bins import Summary
from forecaster.config import SENSORS, Config
from forecaster.lockstep import Grid
from producers.cleaning import Verdict
from producers.dataset import DataSet


class Devices(NamedTuple):
    """The grid, and whose columns they are."""

    grid: Grid
    names: tuple[str, ...]


def readings(data: DataSet) -> Readings:
    """The accepted readings in order of event time, devices counted from 0."""
    rows = data.rows[data.rows["verdict"] == Verdict.ACCEPTED]
    _, devices = np.unique(rows["mote"], return_inverse=True)
    values = np.stack([rows[sensor] for sensor in SENSORS], axis=1).astype(np.float64)
    return Readings(rows["event_time"].astype(np.int64), devices, values)


def grid(config: Config, data: DataSet) -> Devices:
    """The accepted readings' grid, and the motes that have any."""
    rows = data.rows[data.rows["verdict"] == Verdict.ACCEPTED]
    return Devices(binned(config, readings(data)), tuple(data.device_id(int(mote)) for mote in np.unique(rows["mote"])))


def binned(config: Config, stream: Readings) -> Grid:
    """Summaries of the readings by device and bin, in order of event time.

    A bin closes when its device reports from a later one, so every device's last bin never does.
    """
    numbers = stream.event_times // config.bin_ms
    first = int(numbers.min())
    shape = (int(numbers.max()) - first + 1, int(stream.devices.max()) + 1)
    place = (numbers - first) * shape[1] + stream.devices
    present = np.bincount(place, minlength=shape[0] * shape[1]).reshape(shape) > 0
    heard = present.copy()
    last = shape[0] - 1 - np.argmax(present[::-1], axis=0)
    present[last, np.arange(shape[1])] = False
    sensors = [_summary(place, stream.values[:, s], shape[0] * shape[1]) for s in range(len(SENSORS))]
    counts, *floats = (np.stack(part, axis=-1).reshape(*shape, -1) for part in zip(*sensors, strict=True))
    summary = Summary(counts.astype(np.int32), *(part.astype(np.float32) for part in floats))
    return Grid(first, emptied(summary, ~present), present, heard)


def _summary(place: NDArray[np.int64], values: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """One sensor's numbers at every place, float64 [5, size]."""
    known = np.isfinite(values)
    where, some = place[known], values[known]
    low, high = np.full(size, np.inf), np.full(size, -np.inf)
    np.minimum.at(low, where, some)
    np.maximum.at(high, where, some)
    sums = [np.bincount(where, minlength=size), np.bincount(where, some, size), np.bincount(where, some * some, size)]
    return summaries(np.stack([*sums, low, high], axis=1)).T


def emptied(summary: Summary, where: NDArray[np.bool_]) -> Summary:
    """The same with nothing measured ``where`` it says, bool [bins, devices]."""
    counts, *floats = summary
    return Summary(
        np.where(where[..., None], 0, counts), *(np.where(where[..., None], np.nan, part) for part in floats)
    )


def joining(grid: Grid, devices: list[int], bin_number: int) -> Grid:
    """The same grid in which some devices report nothing before a bin."""
    absent = np.zeros(grid.present.shape, bool)
    absent[: bin_number - grid.first, devices] = True
    heard = None if grid.heard is None else grid.heard & ~absent
    return grid._replace(summary=emptied(grid.summary, absent), present=grid.present & ~absent, heard=heard)
