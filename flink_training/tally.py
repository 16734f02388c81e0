"""Prequential errors between two updates of a device."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from forecaster.config import Config
from forecaster.online import Outputs
from schemas.events import SENSORS, HorizonError


class Tally(NamedTuple):
    """Sums since the last update.

    Attributes:
        error, persistence: float64 [horizons, sensors], absolute errors in the sensor's unit.
        scored: int64 [horizons, sensors], how many are in each sum.
        labels: labels learned from.
    """

    error: NDArray[np.float64]
    persistence: NDArray[np.float64]
    scored: NDArray[np.int64]
    labels: int

    @classmethod
    def empty(cls, config: Config) -> "Tally":
        """Nothing scored yet."""
        return cls(np.zeros(config.outputs), np.zeros(config.outputs), np.zeros(config.outputs, np.int64), 0)

    def add(self, outputs: Outputs) -> "Tally":
        """Count what one bin brought."""
        error = np.abs(np.asarray(outputs.scored, np.float64) - outputs.level)
        persistence = np.abs(np.asarray(outputs.scored_level, np.float64) - outputs.level)
        known = np.isfinite(error) & np.isfinite(persistence)
        return Tally(
            self.error + np.where(known, error, 0),
            self.persistence + np.where(known, persistence, 0),
            self.scored + known,
            self.labels + int(outputs.examples),
        )

    def errors(self, config: Config) -> tuple[HorizonError, ...]:
        """The means, for each horizon and sensor that was scored at all."""
        return tuple(
            HorizonError(sensor, horizon_ms, int(n), float(self.error[h, s] / n), float(self.persistence[h, s] / n))
            for h, horizon_ms in enumerate(config.horizons_ms)
            for s, sensor in enumerate(SENSORS)
            if (n := self.scored[h, s])
        )
