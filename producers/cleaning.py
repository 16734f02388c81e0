"""Which rows become readings, and why the others do not.

A row gets the first reason that applies, in the order of ``Verdict``. Battery comes before the ranges because it is
the cause: below about 2.4 V the sensors' supply fails and the values that follow (122.153 °C, −3.9 %RH) mean nothing.
A single missing measurement is no reason: the reading carries a null.
"""

from collections.abc import Mapping
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from producers.parse import NONE, Rows
from schemas.events import SENSORS

MOTES = range(1, 55)  # the published positions know these; 65407 and the like are radio errors
LOW_BATTERY = 2.4  # V
DUPLICATE_WITHIN = 3_600_000  # ms: epochs are 16 bit and come again after 23 days, which is no duplicate


class Range(NamedTuple):
    """What a sensor can honestly report, ends included, and why."""

    low: float
    high: float
    unit: str
    reason: str


RANGES: Mapping[str, Range] = {
    "voltage": Range(1.8, 3.3, "V", "the radio's least supply; two fresh cells give at most 3.3 V"),
    "temperature": Range(-10.0, 60.0, "°C", "inside an office; a saturated converter reads 122.153 °C"),
    "humidity": Range(0.0, 100.0, "%RH", "relative humidity by definition"),
    "light": Range(0.0, 1847.36, "lux", "full scale of the sensor: 4016 counts of 0.46 lux"),
}


class Rules(NamedTuple):
    """What a data set's rows are held against.

    ``motes``: ids that there are, ``None`` for any; ``low_battery``: V below which a row means nothing, ``None`` for
    none; ``form``: why a row is malformed.
    """

    ranges: Mapping[str, Range]
    motes: range | None
    low_battery: float | None
    form: str


INTEL_LAB = Rules(RANGES, MOTES, LOW_BATTERY, "not eight fields that can be read, separated by one space")


class Verdict(IntEnum):
    """What became of a row."""

    ACCEPTED = 0
    MALFORMED_ROW = 1
    UNKNOWN_MOTE = 2
    NO_MEASUREMENTS = 3
    VOLTAGE_OUT_OF_RANGE = 4
    LOW_BATTERY = 5
    TEMPERATURE_OUT_OF_RANGE = 6
    HUMIDITY_OUT_OF_RANGE = 7
    LIGHT_OUT_OF_RANGE = 8
    DUPLICATE_EPOCH = 9

    @property
    def reason(self) -> str:
        """As people read it, e.g. ``duplicate epoch``."""
        return self.name.lower().replace("_", " ")


class RejectedReading(ValueError):
    """A row that does not become a reading; says the reason with the value."""


def judge(rows: Rows, formed: npt.NDArray[np.bool_], rules: Rules = INTEL_LAB) -> npt.NDArray[np.uint8]:
    """A verdict for every row.

    Args:
        rows: (n,) of dtype ``producers.parse.ROW``, in the order of the file.
        formed: (n,) bool, the rows that could be read.
        rules: what they are held against.

    Returns:
        (n,) values of ``Verdict``.
    """
    missing = np.logical_and.reduce([np.isnan(rows[sensor]) for sensor in SENSORS])
    found = [
        (Verdict.MALFORMED_ROW, ~formed),
        (Verdict.UNKNOWN_MOTE, ~np.isin(rows["mote"], rules.motes) if rules.motes else rows["mote"] == NONE),
        (Verdict.NO_MEASUREMENTS, missing),
        (Verdict.VOLTAGE_OUT_OF_RANGE, _outside(rows, "voltage", rules)),
        (Verdict.LOW_BATTERY, rows["voltage"] < (-np.inf if rules.low_battery is None else rules.low_battery)),
        *(
            (Verdict[f"{s.upper()}_OUT_OF_RANGE"], _outside(rows, s, rules))
            for s in ("temperature", "humidity", "light")
        ),
    ]
    verdicts = np.select([where for _, where in found], [int(v) for v, _ in found], int(Verdict.ACCEPTED))
    verdicts[_duplicates(rows, np.flatnonzero(verdicts == Verdict.ACCEPTED))] = Verdict.DUPLICATE_EPOCH
    return verdicts.astype(np.uint8)


def count(verdicts: npt.NDArray[np.uint8]) -> dict[Verdict, int]:
    """How many rows got each verdict."""
    return {verdict: int(np.count_nonzero(verdicts == verdict)) for verdict in Verdict}


def message(row: Mapping[str, Any] | np.void, raw: bytes, rules: Rules = INTEL_LAB) -> str:
    """The reason with the value, e.g. ``low battery: 2.31 V is below 2.4 V``."""
    verdict = Verdict(int(row["verdict"]))
    match verdict:
        case Verdict.MALFORMED_ROW:
            return f"{verdict.reason}: {rules.form}: {raw[:80]!r}"
        case Verdict.UNKNOWN_MOTE:
            given = "no mote id" if row["mote"] == NONE else f"{row['mote']}"
            return f"{verdict.reason}: {given} is not in {MOTES.start}..{MOTES.stop - 1}"
        case Verdict.NO_MEASUREMENTS:
            return f"{verdict.reason}: all four fields are empty"
        case Verdict.LOW_BATTERY:
            return f"{verdict.reason}: {row['voltage']:g} V is below {rules.low_battery} V"
        case Verdict.DUPLICATE_EPOCH:
            return f"{verdict.reason}: epoch {row['epoch']} of mote {row['mote']} has been read before"
        case Verdict.ACCEPTED:
            raise ValueError(f"row {row['row']} was not rejected")
    sensor = verdict.name.split("_")[0].lower()
    limits = rules.ranges[sensor]
    return f"{verdict.reason}: {row[sensor]:g} is not in {limits.low:g}..{limits.high:g} {limits.unit}".rstrip()


def _outside(rows: Rows, sensor: str, rules: Rules) -> npt.NDArray[np.bool_]:
    """Where a measurement is there and impossible."""
    limits = rules.ranges.get(sensor)
    if limits is None:
        return np.zeros(len(rows), bool)
    return (rows[sensor] < limits.low) | (rows[sensor] > limits.high)


def _duplicates(rows: Rows, among: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Indices of the rows whose mote already had a row in the same epoch shortly before, in event-time order."""
    among = among[rows["epoch"][among] != NONE]
    order = among[np.lexsort((rows["event_time"][among], rows["epoch"][among], rows["mote"][among]))]
    mote, epoch, time = rows["mote"][order], rows["epoch"][order], rows["event_time"][order]
    same = (np.diff(mote) == 0) & (np.diff(epoch) == 0) & (np.diff(time) < DUPLICATE_WITHIN)
    return order[1:][same]
