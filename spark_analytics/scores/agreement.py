"""Streaming held against batch, forecast by forecast, in Spark.

With the same version of the model both must say the same. Where they do not, or only one of them says anything, the
reason is told as far as the log tells it.
"""

from pyspark.sql import DataFrame, functions

from schemas.events import SENSORS
from spark_analytics.scores.errors import FINITE

BAR = 1e-5
"""By which forecasts of the same version may differ, in the sensor's unit: float32 on another number of rows."""
PLACE = ("device_id", "horizon_ms", "made_at")
SIDE = ("model_version", "waiting", *(f"{part}_{sensor}" for part in ("forecast", "persistence") for sensor in SENSORS))
REASONS = """CASE
WHEN NOT in_batch THEN CASE
  WHEN b_first IS NULL THEN 'the batch run has nothing of the device'
  WHEN made_at < b_first THEN 'made before the range of the batch run'
  WHEN made_at > b_last THEN 'made after the batch run, or after its range'
  ELSE 'missing in the batch run' END
WHEN NOT in_stream THEN CASE
  WHEN s_first IS NULL THEN 'the stream has nothing of the device'
  WHEN made_at < s_first THEN 'made before the first forecast of the stream'
  WHEN made_at > s_last THEN 'the stream has not come so far'
  ELSE 'missing in the stream' END
WHEN s_model_version <> version THEN if(s_model_version = 0, 'the stream had no model yet', 'another version')
WHEN s_waiting AND NOT b_waiting THEN 'same version, not scored yet in the stream'
WHEN b_waiting AND NOT s_waiting THEN 'same version, not scored yet in the batch run'
ELSE 'same version' END"""


def joined(folded: DataFrame) -> DataFrame:
    """Every forecast of the stream beside that of each batch run for the same device, horizon and moment.

    Columns: ``version`` of the batch run, those of ``PLACE``, ``s_`` and ``b_`` before those of ``SIDE``, ``in_stream``
    and ``in_batch``, and the ``reason``: why they may differ, or one is not there.

    Args:
        folded: ``folding.folded``.
    """
    stream = folded.where("source = 'stream'").selectExpr(*PLACE, "true AS in_stream", *(f"{n} AS s_{n}" for n in SIDE))
    batch = folded.where("source = 'batch'").selectExpr(
        "model_version AS version", *PLACE, "true AS in_batch", *(f"{n} AS b_{n}" for n in SIDE)
    )
    versions = batch.select("version").distinct()
    span = "min(made_at) AS {0}_first", "max(made_at) AS {0}_last"
    of_stream = stream.groupBy("device_id").agg(*(functions.expr(s.format("s")) for s in span))
    of_batch = batch.groupBy("version", "device_id").agg(*(functions.expr(s.format("b")) for s in span))
    return (
        stream.crossJoin(functions.broadcast(versions))
        .join(batch, ["version", *PLACE], "full_outer")
        .join(functions.broadcast(of_stream), "device_id", "left")
        .join(functions.broadcast(of_batch), ["version", "device_id"], "left")
        .withColumn("in_stream", functions.expr("coalesce(in_stream, false)"))
        .withColumn("in_batch", functions.expr("coalesce(in_batch, false)"))
        .withColumn("reason", functions.expr(REASONS))
    )


def reasons(joined: DataFrame) -> DataFrame:
    """How many forecasts there are for each ``version`` of batch and ``reason``: ``forecasts``.

    Besides ``stream_versions``, how many, and the ``lowest`` and the ``highest``; null where the stream has none.
    """
    found = joined.groupBy("version", "reason", "in_stream", "in_batch").agg(
        functions.expr("count(1) AS forecasts"),
        functions.expr("count(DISTINCT s_model_version) AS stream_versions"),
        functions.expr("min(s_model_version) AS lowest"),
        functions.expr("max(s_model_version) AS highest"),
    )
    return found.orderBy("version", functions.desc("in_batch"), functions.desc("in_stream"), "reason")


def differences(joined: DataFrame) -> DataFrame:
    """Both forecasts of a sensor, where both runs have a forecast.

    Columns: ``version``, ``same``: whether the stream used it too, ``sensor``, ``difference``: between the two,
    absolute and in the sensor's unit, null where one or both have no number; ``one_sided``: whether only one has;
    ``readings``: whether the bins that they were made at differ too, so other readings lie behind them.
    """
    columns = ", ".join(f"'{s}', s_forecast_{s}, b_forecast_{s}, s_persistence_{s}, b_persistence_{s}" for s in SENSORS)
    pairs = joined.where("in_stream AND in_batch").selectExpr(
        "version",
        "s_model_version = version AS same",
        f"stack({len(SENSORS)}, {columns}) AS (sensor, streamed, batched, s_now, b_now)",
    )
    return pairs.selectExpr(
        *("version", "same", "sensor"),
        f"if(abs(streamed - batched) < {FINITE}, abs(streamed - batched), NULL) AS difference",
        "(streamed IS NULL) <> (batched IS NULL) AS one_sided",
        f"coalesce(abs(s_now - b_now) > {BAR}, (s_now IS NULL) <> (b_now IS NULL)) AS readings",
    )


def agreement(differences: DataFrame) -> DataFrame:
    """``differences`` by version, ``same`` and sensor.

    Columns: ``pairs``: with two numbers; ``one_sided``: with one; ``average`` and ``largest`` difference, in the
    sensor's unit; ``exceeding``: how many are larger than ``BAR``; ``readings``: of those and the one-sided, how many
    have other readings behind them.
    """
    return differences.groupBy("version", "same", "sensor").agg(
        functions.expr("count(difference) AS pairs"),
        functions.expr("count_if(one_sided) AS one_sided"),
        functions.expr("avg(difference) AS average"),
        functions.expr("max(difference) AS largest"),
        functions.expr(f"count_if(difference > {BAR}) AS exceeding"),
        functions.expr(f"count_if(readings AND (one_sided OR difference > {BAR})) AS readings"),
    )


def histogram(differences: DataFrame) -> DataFrame:
    """How many differences, ``pairs``, lie in each power of ten, by version, ``same`` and sensor.

    ``decade`` is the exponent: -6 stands for 1e-6 up to 1e-5; -10 for all that is smaller, none included.
    """
    decade = "int(if(difference < 1e-9, -10, floor(log10(difference)))) AS decade"
    found = differences.where("difference IS NOT NULL").selectExpr("version", "same", "sensor", decade)
    return found.groupBy("version", "same", "sensor", "decade").agg(functions.expr("count(1) AS pairs"))
