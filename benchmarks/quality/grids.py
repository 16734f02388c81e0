"""A prepared data set as the grid of bins that its devices would close on the stream."""

from typing import NamedTuple

import numpy as np

from benchmarks.quality.faults import Readings
from forecaster.config import SENSORS, Config
from forecaster.lockstep import Grid
from producers.cleaning import Verdict
from producers.dataset import DataSet, device_id


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
    """Means of the accepted readings by device and bin, in order of event time.

    A bin closes when its device reports from a later one, so every device's last bin never does.
    """
    rows = data.rows[data.rows["verdict"] == Verdict.ACCEPTED]
    motes, device = np.unique(rows["mote"], return_inverse=True)
    numbers = rows["event_time"] // config.bin_ms
    first = int(numbers.min())
    at = (numbers - first, device)
    shape = (int(numbers.max()) - first + 1, len(motes))
    present = np.zeros(shape, bool)
    present[at] = True
    values = np.full((*shape, len(SENSORS)), np.nan)
    for s, sensor in enumerate(SENSORS):
        known = np.isfinite(rows[sensor])
        where = (at[0][known], at[1][known])
        sums, counts = np.zeros(shape), np.zeros(shape)
        np.add.at(sums, where, rows[sensor][known])
        np.add.at(counts, where, 1)
        values[:, :, s] = np.where(counts, sums / np.maximum(counts, 1), np.nan)
    heard = present.copy()
    last = shape[0] - 1 - np.argmax(present[::-1], axis=0)
    present[last, np.arange(len(motes))] = False
    values[~present] = np.nan
    names = tuple(device_id(int(mote)) for mote in motes)
    return Devices(Grid(first, values.astype(np.float32), present, heard), names)


def joining(grid: Grid, devices: list[int], bin_number: int) -> Grid:
    """The same grid in which some devices report nothing before a bin."""
    present = grid.present.copy()
    present[: bin_number - grid.first, devices] = False
    values = np.where(present[:, :, None], grid.values, np.nan)
    if grid.heard is None:
        return grid._replace(present=present, values=values)
    heard = grid.heard.copy()
    heard[: bin_number - grid.first, devices] = False
    return grid._replace(present=present, values=values, heard=heard)
