"""Prequential errors between two updates of a device."""

from typing import Any, NamedTuple

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
    """Sums since the last update; of several updates, with a leading axis.

    Attributes:
        error, persistence: float64 [horizons, sensors], absolute errors in the sensor's unit.
        scored: int64 [horizons, sensors], how many are in each sum.
        labels: labels learned from.
        resets: how often training began anew.
    """

    error: NDArray[np.float64]
    persistence: NDArray[np.float64]
    scored: NDArray[np.int64]
    labels: Any
    resets: Any

    @classmethod
    def empty(cls, config: Config) -> "Tally":
        """Nothing scored yet."""
        return cls(np.zeros(config.outputs), np.zeros(config.outputs), np.zeros(config.outputs, np.int64), 0, 0)

    def split(self, bins: Scored, ends: NDArray[np.int64]) -> "tuple[Tally, Tally]":
        """Those of the updates that end before bins ``ends``, this one having come before, and what is left after.

        However bins are divided among calls, to the same bits: they are added one after the other.
        """
        part = np.append(0, np.searchsorted(ends, np.arange(len(bins.labels)), side="right"))
        columns = (bins.error, bins.persistence, bins.known, bins.labels, bins.resets)
        sums = [_sums(part, before, more, len(ends) + 1) for before, more in zip(self, columns, strict=True)]
        error, persistence, scored, labels, resets = (column[-1] for column in sums)
        return Tally(*(column[:-1] for column in sums)), Tally(error, persistence, scored, int(labels), int(resets))

    def errors(self, config: Config) -> list[tuple[HorizonError, ...]]:
        """Of several updates, the means for each horizon and sensor that was scored at all."""
        counts = np.maximum(self.scored, 1)
        means = np.stack([self.error / counts, self.persistence / counts], axis=-1)
        places = [(sensor, horizon) for horizon in config.horizons_ms for sensor in SENSORS]
        tables = zip(
            self.scored.reshape(-1, len(places)).tolist(), means.reshape(-1, len(places), 2).tolist(), strict=True
        )
        return [
            tuple(HorizonError(*place, n, *mean) for place, n, mean in zip(places, *table, strict=True) if n)
            for table in tables
        ]


def _sums(part: NDArray[np.int64], before: Any, rows: NDArray[Any], parts: int) -> NDArray[Any]:
    """Sums of ``before`` and ``rows`` [n, ...] by the part that each is in."""
    flat = np.concatenate([np.reshape(before, (1, -1)), rows.reshape(len(rows), -1)])
    width = flat.shape[1]
    # bincount adds in order.
    summed = np.bincount((part[:, None] * width + np.arange(width)).ravel(), flat.ravel(), parts * width)
    kind = np.float64 if rows.dtype.kind == "f" else np.int64
    return summed.astype(kind).reshape(parts, *rows.shape[1:])
