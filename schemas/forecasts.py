"""Forecast events: how a prediction is named, and how it comes back scored under the same name."""

import math
from collections.abc import Iterable

from schemas.events import Measurements, Prediction


def measurements(values: Iterable[float]) -> Measurements:
    """One number per sensor (°C, %RH, lux, V) as an event's record; NaN becomes null."""
    return Measurements(*(float(v) if math.isfinite(v) else None for v in values))


def prediction_id(source: str, device_id: str, horizon_ms: int, made_at: int, version: int | None = None) -> str:
    """The deterministic name of a forecast; with ``version`` where several models forecast the same moment."""
    name = f"{source}/{device_id}/{horizon_ms // 60_000}/{made_at}"
    return name if version is None else f"{name}/v{version}"


def score(made: Prediction, actual: Measurements, offset: int) -> Prediction:
    """The same forecast, now that its target has come; whether that was an anomaly is not said.

    Args:
        made: as it was emitted.
        actual: the bin it was a forecast of.
        offset: of the last reading in the target bin.
    """
    pairs = zip(made.forecast, actual, strict=True)
    return made._replace(
        actual=actual,
        error=Measurements(*(None if f is None or a is None else f - a for f, a in pairs)),
        reading_offset=offset,
    )
