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

    def add(self, outputs: Outputs, begin: int, end: int) -> "Tally":
        """Count what bins ``begin`` to ``end`` of ``outputs`` brought; however they are divided, to the same bits."""
        level = np.asarray(outputs.level[begin:end], np.float64)[:, None, :]
        error = np.abs(np.asarray(outputs.scored[begin:end], np.float64) - level)
        persistence = np.abs(np.asarray(outputs.scored_level[begin:end], np.float64) - level)
        known = np.isfinite(error) & np.isfinite(persistence)
        return Tally(
            _running(self.error, np.where(known, error, 0)),
            _running(self.persistence, np.where(known, persistence, 0)),
            self.scored + known.sum(axis=0),
            self.labels + int(outputs.examples[begin:end].sum()),
            self.resets + int(outputs.reset[begin:end].sum()),
        )

    def errors(self, config: Config) -> tuple[HorizonError, ...]:
        """The means, for each horizon and sensor that was scored at all."""
        return tuple(
            HorizonError(sensor, horizon_ms, int(n), float(self.error[h, s] / n), float(self.persistence[h, s] / n))
            for h, horizon_ms in enumerate(config.horizons_ms)
            for s, sensor in enumerate(SENSORS)
            if (n := self.scored[h, s])
        )


def _running(sums: NDArray[np.float64], more: NDArray[np.float64]) -> NDArray[np.float64]:
    """One row after the other: numpy's own sum may pair them up."""
    return np.add.accumulate(np.concatenate([sums[None], more]))[-1]
