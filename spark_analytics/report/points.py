"""Raw forecasts of a few devices, what became of models, what was found of the fleet: out of Spark."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from pyspark.sql import DataFrame

from spark_analytics.report.decisions import decisions
from spark_analytics.report.fleet_plots import PLAIN, findings
from spark_analytics.scores.folding import folded
from spark_analytics.scores.ranking import RANKED


def points(
    decoded: DataFrame, devices: Sequence[str], since: int | None, until: int | None, step_ms: int
) -> pd.DataFrame:
    """As ``series_plot.forecasts`` takes them: of what is forecast, every moment that is a multiple of a step.

    Args:
        decoded: ``frames.decoded`` of ``predictions``.
        devices: whose.
        since: event time (ms) from which on forecasts were made.
        until: and before which.
        step_ms: between two moments.
    """
    # Devices are told by the key, before anything is decoded.
    names = ", ".join(f"X'{name.encode().hex()}'" for name in devices)
    own = folded(decoded.where(f"key IN ({names})" if devices else "false"), since, until)
    wanted = own.where(f"prediction_id IS NOT NULL AND pmod(target_at, {step_ms}) = 0")
    values = (f"{part}_{sensor}" for part in ("forecast", "actual") for sensor in RANKED)
    found = wanted.select("device_id", "run", "horizon_ms", "target_at", *values).toPandas()
    return found.sort_values(["device_id", "run", "horizon_ms", "target_at"], ignore_index=True)


def promotions(decoded: DataFrame) -> pd.DataFrame:
    """``decisions.decisions`` of ``frames.decoded`` of ``global_models``."""
    names = ("version", "window_end", "promotion", "champion", "decisions")
    return decisions(row.asDict(recursive=True) for row in _told(decoded, names))


def insights(decoded: DataFrame) -> pd.DataFrame:
    """``fleet_plots.findings`` of ``frames.decoded`` of ``fleet_analytics``."""
    names = ("insight_id", *PLAIN, "numbers", "labels")
    return findings(row.asDict() for row in _told(decoded, names))


def _told(decoded: DataFrame, names: Sequence[str]) -> list[Any]:
    """Fields of all events, in the order of the log; the first of them is null where a record is none."""
    known = decoded.where(f"event.{names[0]} IS NOT NULL").orderBy("partition", "offset")
    return known.selectExpr(*(f"event.{name} AS {name}" for name in names)).collect()
