"""Forecast events: how a prediction is named, and how it comes back scored under the same name."""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from schemas.events import SENSORS, Measurements, Prediction

FAULTS = ("none", "spike", "drift", "stuck", "noise")
"""What a reading can be accused of, by number."""


def measurements(values: Iterable[float]) -> Measurements:
    """One number per sensor (°C, %RH, lux, V) as an event's record; NaN becomes null."""
    return Measurements(*(float(v) if math.isfinite(v) else None for v in values))


def prediction_id(source: str, device_id: str, horizon_ms: int, made_at: int, version: int | None = None) -> str:
    """The deterministic name of a forecast; with ``version`` where several models forecast the same moment."""
    name = f"{source}/{device_id}/{horizon_ms // 60_000}/{made_at}"
    return name if version is None else f"{name}/v{version}"


def predictions(
    table: Any, source: str, device_id: str, partition: int, dataset: str, named: bool = False
) -> Iterator[Prediction]:
    """Forecasts in columns as events.

    Args:
        table: rows of ``forecaster.forecast_table.COLUMNS``.
        source: ``local``, ``stream`` or ``batch``.
        device_id: whose they are.
        partition: of its readings.
        dataset: that they belong to.
        named: whether ids name the version, where several may forecast the same moment.
    """
    for row in table:
        scored, rated = bool(row["scored"]), math.isfinite(row["anomaly_score"])
        horizon_ms, made_at, version = int(row["horizon_ms"]), int(row["made_at"]), int(row["model_version"])
        network = measurements(row["network"].tolist())
        yield Prediction(
            prediction_id=prediction_id(source, device_id, horizon_ms, made_at, version if named else None),
            source=source,
            device_id=device_id,
            model_version=version,
            made_at=made_at,
            target_at=int(row["target_at"]),
            horizon_ms=horizon_ms,
            forecast=measurements(row["forecast"].tolist()),
            persistence=measurements(row["persistence"].tolist()),
            actual=measurements(row["actual"].tolist()) if scored else None,
            error=measurements(row["error"].tolist()) if scored else None,
            anomaly_score=float(row["anomaly_score"]) if rated else None,
            anomaly=bool(row["kinds"].any()) if rated else None,
            reading_partition=partition,
            reading_offset=int(row["reading_offset"]),
            dataset=dataset,
            network=network if source == "local" else None,
            fault=faults(row["kinds"].tolist()),
            stale=None if row["stale"] < 0 else bool(row["stale"]),
        )


def faults(kinds: Sequence[int]) -> str | None:
    """What a prediction says of alarms of these kinds (places in ``FAULTS``) of the first sensors; None of none."""
    named = [f"{sensor} {FAULTS[kind]}" for sensor, kind in zip(SENSORS, kinds, strict=False) if kind]
    return ", ".join(named) or None
