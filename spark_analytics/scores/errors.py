"""Errors of forecasts beside persistence's, in Spark, by whatever one asks for."""

from pyspark.sql import DataFrame, functions

from schemas.events import SENSORS

DAY_MS = 86_400_000
KEYS = ("run", "source", "model_version", "device_id", "sensor", "horizon_ms", "bucket")
FINITE = "double('Infinity')"
"""NaN is larger than everything to Spark."""


def sums(folded: DataFrame, bucket_ms: int = DAY_MS) -> DataFrame:
    """Absolute errors, summed up by ``KEYS``.

    Columns besides: ``labels``, how many targets have forecast, persistence and what then was; ``total`` and
    ``persistence_total``: sums over those of |forecast - actual| and |persistence - actual|, °C, %RH, lux, V; ``begin``
    and ``end``: the first and the last target, ms.

    Args:
        folded: ``folding.folded``.
        bucket_ms: length of a stretch of time, by target; ``bucket`` is where one begins, ms.
    """
    columns = ", ".join(f"'{s}', forecast_{s}, persistence_{s}, actual_{s}" for s in SENSORS)
    labels = (
        folded.where("NOT waiting")
        .selectExpr(
            *("run", "source", "model_version", "device_id", "horizon_ms", "target_at"),
            f"target_at - pmod(target_at, {bucket_ms}) AS bucket",
            f"stack({len(SENSORS)}, {columns}) AS (sensor, forecast, persistence, actual)",
        )
        .where(f"abs(forecast - actual) < {FINITE} AND abs(persistence - actual) < {FINITE}")
    )
    return labels.groupBy(*KEYS).agg(
        functions.expr("count(1) AS labels"),
        functions.expr("sum(abs(forecast - actual)) AS total"),
        functions.expr("sum(abs(persistence - actual)) AS persistence_total"),
        functions.expr("min(target_at) AS begin"),
        functions.expr("max(target_at) AS end"),
    )


def errors(sums: DataFrame, *by: str) -> DataFrame:
    """Mean absolute errors by some of ``KEYS``.

    Columns besides: ``labels``; ``mae`` and ``persistence_mae``, in the sensor's unit; ``ratio`` of the former to the
    latter, null where persistence makes no error; ``begin`` and ``end``, ms.
    """
    return sums.groupBy(*by).agg(
        functions.expr("sum(labels) AS labels"),
        functions.expr("sum(total) / sum(labels) AS mae"),
        functions.expr("sum(persistence_total) / sum(labels) AS persistence_mae"),
        functions.expr("try_divide(sum(total), sum(persistence_total)) AS ratio"),
        functions.expr("min(begin) AS begin"),
        functions.expr("max(end) AS end"),
    )
