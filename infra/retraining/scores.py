"""The scored forecasts of one log, in columns, and two of them beside each other on what both have forecast."""

from array import array
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from schemas.events import SENSORS

MINUTE_MS = 60_000
Errors = np.ndarray[Any, np.dtype[np.float64]]


class Beside(NamedTuple):
    """Mean absolute errors of a sensor (its unit) at a horizon (minutes), on the ``targets`` that both have.

    ``worst_a`` and ``worst_b`` are the device with the largest error, and that.
    """

    sensor: str
    horizon: int
    targets: int
    a: float
    b: float
    persistence: float
    worst_a: tuple[str, float]
    worst_b: tuple[str, float]


class Scores:
    """What the devices' own forecasts were off by. Nothing is kept of an event but 80 bytes.

    Args:
        devices: numbers by name; shared by all that are to be compared.
    """

    def __init__(self, devices: dict[str, int]) -> None:
        self._devices = devices
        self._keys = array("q")
        self._errors = array("d")

    def add(self, row: Mapping[str, Any]) -> None:
        """Take a record of ``predictions`` as Avro has it; none but a device's own that is scored counts."""
        if row["source"] != "local" or row["actual"] is None:
            return
        device = self._devices.setdefault(row["device_id"], len(self._devices))
        made_at = int(row["made_at"].timestamp())
        self._keys.append((device << 16 | row["horizon_ms"] // MINUTE_MS) << 32 | made_at)
        for forecast in (row["forecast"], row["persistence"]):
            self._errors.extend(_off(forecast[sensor], row["actual"][sensor]) for sensor in SENSORS)

    @property
    def count(self) -> int:
        """How many scored forecasts there are, repeated ones too."""
        return len(self._keys)

    def table(self) -> tuple[np.ndarray[Any, np.dtype[np.int64]], Errors]:
        """Keys in order, each once, the first on the log; and errors, (keys, 2, sensors), persistence's second."""
        keys, first = np.unique(np.frombuffer(self._keys, np.int64), return_index=True)
        errors = np.frombuffer(self._errors, np.float64).reshape(-1, 2, len(SENSORS))
        return keys, errors[first]


def beside(a: Scores, b: Scores, devices: Mapping[str, int]) -> list[Beside]:
    """Sensor by sensor and horizon by horizon, on the targets that both have scored."""
    (keys_a, errors_a), (keys_b, errors_b) = a.table(), b.table()
    common, at_a, at_b = np.intersect1d(keys_a, keys_b, assume_unique=True, return_indices=True)
    device, horizon = common >> 48, common >> 32 & 0xFFFF
    names = {number: name for name, number in devices.items()}
    found = []
    for minutes in np.unique(horizon):
        of_horizon = horizon == minutes
        for s, sensor in enumerate(SENSORS):
            one, other, persistence = errors_a[at_a, 0, s], errors_b[at_b, 0, s], errors_a[at_a, 1, s]
            known = of_horizon & np.isfinite(one) & np.isfinite(other) & np.isfinite(persistence)
            if not known.any():
                continue
            a_mean, b_mean, idle = (float(np.mean(each[known])) for each in (one, other, persistence))
            a_worst, b_worst = (_worst(device[known], each[known], names) for each in (one, other))
            found.append(Beside(sensor, int(minutes), int(known.sum()), a_mean, b_mean, idle, a_worst, b_worst))
    return found


def _worst(devices: Any, errors: Any, names: Mapping[int, str]) -> tuple[str, float]:
    numbers, which = np.unique(devices, return_inverse=True)
    means = np.bincount(which, errors) / np.bincount(which)
    largest = int(np.argmax(means))
    return names[int(numbers[largest])], float(means[largest])


def _off(forecast: float | None, actual: float | None) -> float:
    return float("nan") if forecast is None or actual is None else abs(forecast - actual)


def added(scores: Scores, rows: Iterable[Mapping[str, Any]]) -> Scores:
    """All of them."""
    for row in rows:
        scores.add(row)
    return scores
