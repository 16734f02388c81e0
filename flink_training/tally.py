"""Prequential errors between two updates of a device."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from forecaster.config import Config
from forecaster.online import Outputs
from schemas.events import SENSORS, HorizonError


class Scored(NamedTuple):
    """What bins brought, first axis [n]: absolute errors in the sensor's unit, 0 where none is ``known``; labels."""

    error: NDArray[np.float64]
    persistence: NDArray[np.float64]
    known: NDArray[np.bool_]
    labels: NDArray[np.int64]
    resets: NDArray[np.int64]


def scored(outputs: Outputs) -> Scored:
    """Of all bins of ``outputs`` at once."""
    level = np.asarray(outputs.level, np.float64)[:, None, :]
    error = np.abs(np.asarray(outputs.scored, np.float64) - level)
    persistence = np.abs(np.asarray(outputs.scored_level, np.float64) - level)
    known = np.isfinite(error) & np.isfinite(persistence)
    error, persistence = np.where(known, error, 0), np.where(known, persistence, 0)
    return Scored(
        error, persistence, known, np.asarray(outputs.examples, np.int64), np.asarray(outputs.reset, np.int64)
    )


class Tally(NamedTuple):
    """Sums since the last update.

    Attributes:
        error, persistence: float64 [horizons, sensors], absolute errors in the sensor's unit.
        scored: int64 [horizons, sensors], how many are in each sum.
        labels: labels learned from.
        resets: how often training began anew.
    """

    error: NDArray[np.float64]
    persistence: NDArray[np.float64]
    scored: NDArray[np.int64]
    labels: int = 0
    resets: int = 0

    @classmethod
    def empty(cls, config: Config) -> "Tally":
        """Nothing scored yet."""
        return cls(np.zeros(config.outputs), np.zeros(config.outputs), np.zeros(config.outputs, np.int64))

    def add(self, bins: Scored, begin: int, end: int) -> "Tally":
        """Count bins ``begin`` to ``end``, one after the other: however they are divided, to the same bits."""
        error, persistence = self.error, self.persistence
        for i in range(begin, end):
            error, persistence = error + bins.error[i], persistence + bins.persistence[i]
        return Tally(
            error,
            persistence,
            self.scored + bins.known[begin:end].sum(axis=0),
            self.labels + int(bins.labels[begin:end].sum()),
            self.resets + int(bins.resets[begin:end].sum()),
        )

    def errors(self, config: Config) -> tuple[HorizonError, ...]:
        """The means, for each horizon and sensor that was scored at all."""
        counts = np.maximum(self.scored, 1)
        table = zip(
            *(part.tolist() for part in (self.scored, self.error / counts, self.persistence / counts)), strict=True
        )
        return tuple(
            HorizonError(sensor, horizon_ms, n, mae, persistence_mae)
            for horizon_ms, row in zip(config.horizons_ms, table, strict=True)
            for sensor, n, mae, persistence_mae in zip(SENSORS, *row, strict=True)
            if n
        )
