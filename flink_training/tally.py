"""Prequential errors between two updates of a device."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from forecaster.config import Config
from forecaster.online import Outputs
from forecaster.trials import LARGEST, NONE, RIVALS, Panel
from schemas.events import SENSORS, Evaluation, HorizonError, PairedError

_JUDGED = 4
"""Sums for each rival: labels, its errors, the champion's and persistence's of the same labels."""


class Scored(NamedTuple):
    """What bins brought, first axis [n]: absolute errors in the sensor's unit, 0 where none is ``known``; labels.

    ``judged`` float64 [n, rivals, 4, horizons, sensors]: labels, and the errors of the panel's other models, of the
    champion and of persistence.
    """

    error: NDArray[np.float64]
    persistence: NDArray[np.float64]
    known: NDArray[np.bool_]
    labels: NDArray[np.int64]
    resets: NDArray[np.int64]
    judged: NDArray[np.float64]


def scored(outputs: Outputs) -> Scored:
    """Of all bins of ``outputs`` at once."""
    level = np.asarray(outputs.level, np.float64)[:, None, :]
    error = np.abs(np.asarray(outputs.scored, np.float64) - level)
    persistence = np.abs(np.asarray(outputs.scored_level, np.float64) - level)
    known = np.isfinite(error) & np.isfinite(persistence)
    judged = np.abs(np.asarray(outputs.judged, np.float64) - level[:, None])
    champion, rivals = judged[:, :1], judged[:, 1:]
    figures = np.stack(np.broadcast_arrays(np.ones_like(rivals), rivals, champion, persistence[:, None]), axis=2)
    error, persistence = np.where(known, error, 0), np.where(known, persistence, 0)
    return Scored(
        *(error, persistence, known),
        *(np.asarray(outputs.examples, np.int64), np.asarray(outputs.reset, np.int64)),
        np.where(np.isfinite(figures).all(axis=2, keepdims=True), figures, 0),
    )


class Tally(NamedTuple):
    """Sums since the last update; of several updates, with a leading axis.

    Attributes:
        error, persistence: float64 [horizons, sensors], absolute errors in the sensor's unit.
        scored: int64 [horizons, sensors], how many are in each sum.
        labels: labels learned from.
        resets: how often training began anew.
        judged: float64 [rivals, 4, horizons, sensors], as of bins, since the event that is followed came to be.
    """

    error: NDArray[np.float64]
    persistence: NDArray[np.float64]
    scored: NDArray[np.int64]
    labels: Any
    resets: Any
    judged: NDArray[np.float64]

    @classmethod
    def empty(cls, config: Config) -> "Tally":
        """Nothing scored yet."""
        nothing = np.zeros(config.outputs)
        return cls(nothing, nothing, nothing.astype(np.int64), 0, 0, np.zeros((RIVALS, _JUDGED, *config.outputs)))

    def split(self, bins: Scored, ends: NDArray[np.int64], begins: NDArray[np.int64]) -> "tuple[Tally, Tally]":
        """Those of the updates that end before bins ``ends``, this one having come before, and what is left after.

        However bins are divided among calls, to the same bits: they are added one after the other.

        Args:
            bins: that have come.
            ends: int [updates], ascending.
            begins: int [followed], ascending, before which bins other models come to be judged: what was judged
                before does not go with what is judged after.
        """
        numbers = np.arange(len(bins.labels))
        part = np.append(0, np.searchsorted(ends, numbers, side="right"))
        panel = np.append(0, np.searchsorted(begins, numbers, side="right"))
        # The panel that each part ends with; what is left may have no bin yet.
        last = panel[np.append(ends, len(numbers))]
        judged = np.concatenate([self.judged[None], bins.judged])
        judged *= (panel == last[part])[:, None, None, None, None]
        columns = (bins.error, bins.persistence, bins.known, bins.labels, bins.resets, judged[1:])
        before = self._replace(judged=judged[0])
        sums = [_sums(part, sum_, more, len(ends) + 1) for sum_, more in zip(before, columns, strict=True)]
        error, persistence, scored, labels, resets, rest = (column[-1] for column in sums)
        left = Tally(error, persistence, scored, int(labels), int(resets), rest)
        return Tally(*(column[:-1] for column in sums)), left

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


def evaluations(config: Config, judged: NDArray[np.float64], panel: Panel) -> tuple[Evaluation, ...]:
    """What an update says of the panel's other models, whose sums are ``judged`` [rivals, 4, horizons, sensors]."""
    places = [(sensor, horizon) for horizon in config.horizons_ms for sensor in SENSORS]
    counts = judged[:, :1]
    means = np.minimum(judged[:, 1:] / np.maximum(counts, 1), LARGEST)
    rows = np.concatenate([counts, means], axis=1).reshape(RIVALS, _JUDGED, -1)
    found = (
        Evaluation(
            version,
            panel.champion,
            tuple(PairedError(*place, int(n), *maes) for place, (n, *maes) in zip(places, cells, strict=True) if n),
        )
        for version, cells in zip(panel[1:], rows.swapaxes(1, 2).tolist(), strict=True)
    )
    return tuple(evaluation for evaluation in found if evaluation.errors and evaluation.version != NONE)


def _sums(part: NDArray[np.int64], before: Any, rows: NDArray[Any], parts: int) -> NDArray[Any]:
    """Sums of ``before`` and ``rows`` [n, ...] by the part that each is in."""
    flat = np.concatenate([np.reshape(before, (1, -1)), rows.reshape(len(rows), -1)])
    width = flat.shape[1]
    # bincount adds in order.
    summed = np.bincount((part[:, None] * width + np.arange(width)).ravel(), flat.ravel(), parts * width)
    kind = np.float64 if rows.dtype.kind == "f" else np.int64
    return summed.astype(kind).reshape(parts, *rows.shape[1:])
