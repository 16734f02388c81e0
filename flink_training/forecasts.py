"""Forecasts of a device in columns: a few numpy operations a batch, whatever its length."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from forecaster.anomalies.detector import KINDS
from forecaster.anomalies.evidence import WATCHED
from forecaster.config import SENSORS, Config
from forecaster.course import Bins
from forecaster.online import Outputs
from schemas.events import Prediction
from schemas.forecasts import measurements, prediction_id

VALUES = ("<f8", len(SENSORS))
COLUMNS = np.dtype(
    [
        ("made_at", "<i8"),
        ("target_at", "<i8"),
        ("horizon_ms", "<i8"),
        ("model_version", "<i8"),
        ("reading_offset", "<i8"),
        ("forecast", *VALUES),
        ("persistence", *VALUES),
        ("network", *VALUES),
        ("actual", *VALUES),
        ("error", *VALUES),
        ("anomaly_score", "<f8"),
        ("kinds", "<i4", WATCHED),
        ("scored", "<i4"),
    ]
)
"""One row a prediction, no padding; NaN where there is no number. ``Unpacked.java`` reads the same layout.

``kinds`` are those of the alarms (``detector.KINDS``) for each sensor that is watched.
"""

Forecasts = NDArray[np.void]
"""[n] of ``COLUMNS``."""


def columns(config: Config, bins: Bins, last_offsets: NDArray[np.int64], outputs: Outputs) -> Forecasts:
    """For each bin, the forecasts that it is the target of, scored; then those made at it."""
    n, horizons = len(bins.numbers), len(config.horizons)
    table = np.zeros((n, 2, horizons), COLUMNS)
    ends = (np.asarray(bins.numbers, np.int64) + 1)[:, None] * config.bin_ms
    ahead = np.asarray(config.horizons_ms)
    level = np.asarray(outputs.level, np.float64)[:, None, :]
    table["horizon_ms"] = ahead
    table["reading_offset"] = last_offsets[:, None, None]
    due, made = table[:, 0], table[:, 1]
    due["made_at"], due["target_at"] = ends - ahead, ends
    made["made_at"], made["target_at"] = ends, ends + ahead
    due["model_version"], made["model_version"] = outputs.scored_version, bins.versions[:, None]
    due["forecast"], made["forecast"] = outputs.scored, outputs.forecasts.combined
    due["network"], made["network"] = outputs.scored_network, outputs.forecasts.network
    due["persistence"], made["persistence"] = outputs.scored_level, level
    due["actual"], made["actual"] = level, np.nan
    table["error"] = table["forecast"] - table["actual"]
    due["anomaly_score"], made["anomaly_score"] = np.fmax.reduce(outputs.verdict.score, axis=1)[:, None], np.nan
    due["kinds"] = outputs.verdict.kind[:, None, :WATCHED]
    due["scored"] = 1
    known = np.isfinite(table["forecast"]).any(axis=-1)
    known[:, 0] &= np.isfinite(level).any(axis=-1)
    return table[known]


def predictions(table: Forecasts, device_id: str, partition: int, dataset: str) -> Iterator[Prediction]:
    """The same as events."""
    for row in table:
        scored, rated = bool(row["scored"]), bool(np.isfinite(row["anomaly_score"]))
        yield Prediction(
            prediction_id=prediction_id("local", device_id, int(row["horizon_ms"]), int(row["made_at"])),
            source="local",
            device_id=device_id,
            model_version=int(row["model_version"]),
            made_at=int(row["made_at"]),
            target_at=int(row["target_at"]),
            horizon_ms=int(row["horizon_ms"]),
            forecast=measurements(row["forecast"]),
            persistence=measurements(row["persistence"]),
            actual=measurements(row["actual"]) if scored else None,
            error=measurements(row["error"]) if scored else None,
            anomaly_score=float(row["anomaly_score"]) if rated else None,
            anomaly=bool(row["kinds"].any()) if rated else None,
            reading_partition=partition,
            reading_offset=int(row["reading_offset"]),
            dataset=dataset,
            network=measurements(row["network"]),
            fault=_fault(row["kinds"].tolist()),
        )


def _fault(kinds: Sequence[int]) -> str | None:
    """What a prediction says of alarms of these kinds, None of none."""
    named = [f"{sensor} {KINDS[kind]}" for sensor, kind in zip(SENSORS[:WATCHED], kinds, strict=True) if kind]
    return ", ".join(named) or None
