"""What nobody put in: motes whose battery fails, and when the detector says so. No label, only the voltage.

The stream never sees what a mote reports below 2.4 V, since cleaning takes it out. Here it stays in, out of range or
not, as far as it was measured, so that alarms after a failure can be told from silence. A voltage that has fallen need
not mean wrong readings: on 6 and 7 March 2004 mote 18 spends its nights at 2.36 V to 2.4 V and measures as it did.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.anomalies import episodes
from benchmarks.quality.faults import Readings
from benchmarks.quality.grids import binned
from forecaster.config import SENSORS, Config
from forecaster.lockstep import Grid
from producers.cleaning import LOW_BATTERY, Verdict
from producers.dataset import DataSet

IN_A_ROW = 10
"""Low voltages in a row that are a failure: a single one is a bad measurement."""
AROUND_H = 24
"""Hours before and after a failure in which alarms are looked for."""
KEPT = (Verdict.ACCEPTED, Verdict.LOW_BATTERY, Verdict.TEMPERATURE_OUT_OF_RANGE, Verdict.HUMIDITY_OUT_OF_RANGE)


class Failure(NamedTuple):
    """A battery's: device, its column, and when its voltage fell, ms."""

    device: str
    column: int
    at: int


class Warnings(NamedTuple):
    """Alarms around a failure.

    Attributes:
        device: of the failure.
        before: hours from the beginning of each episode within a day before it to the failure.
        after_hours: from the failure to the end of the first bin after it with an alarm; NaN if there is none in a day.
        bins: share of the bins of the day after with an alarm, of those that there are.
    """

    device: str
    before: tuple[float, ...]
    after_hours: float
    bins: float


def found(data: DataSet) -> tuple[Readings, list[Failure]]:
    """All that motes with an accepted reading have measured, and which of them failed when."""
    accepted = np.unique(data.rows["mote"][data.rows["verdict"] == Verdict.ACCEPTED])
    rows = data.rows[np.isin(data.rows["verdict"], KEPT) & np.isin(data.rows["mote"], accepted)]
    devices = np.searchsorted(accepted, rows["mote"])
    values = np.stack([rows[sensor] for sensor in SENSORS], axis=1).astype(np.float64)
    failures = []
    for column, mote in enumerate(accepted):
        own = rows[(devices == column) & np.isfinite(rows["voltage"])]
        low = np.convolve(own["voltage"] < LOW_BATTERY, np.ones(IN_A_ROW), "valid") == IN_A_ROW
        if len(own) >= IN_A_ROW and low.any():
            failures.append(Failure(data.device_id(int(mote)), column, int(own["event_time"][np.argmax(low)])))
    return Readings(rows["event_time"].astype(np.int64), devices, values), failures


def warnings(config: Config, grid: Grid, alarm: NDArray[np.bool_], failures: Sequence[Failure]) -> list[Warnings]:
    """Hold alarms, bool [bins, devices], against failures."""
    hour = 3_600_000 // config.bin_ms
    made = []
    for failure in failures:
        at = failure.at // config.bin_ms - grid.first
        own = alarm[:, [failure.column]]
        begun = [first for _, first, _ in episodes(own) if at - AROUND_H * hour <= first < at]
        after = slice(at, at + AROUND_H * hour)
        hits = np.flatnonzero(own[after, 0])
        ends = (at + int(hits[0]) + 1 + grid.first) * config.bin_ms if len(hits) else np.nan
        here = grid.present[after, failure.column]
        made.append(
            Warnings(
                failure.device,
                tuple(round((at - first) / hour, 2) for first in begun),
                (ends - failure.at) / 3_600_000,
                float(len(hits) / max(here.sum(), 1)),
            )
        )
    return made


def grid_of(config: Config, data: DataSet) -> tuple[Grid, list[Failure]]:
    """The bins of ``found``, and the failures in them."""
    readings, failures = found(data)
    return binned(config, readings), failures
