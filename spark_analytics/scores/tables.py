"""All that is said of the forecasts on the log, as small frames of pandas."""

from typing import NamedTuple

import pandas as pd
from pyspark import StorageLevel
from pyspark.sql import DataFrame, functions

from spark_analytics.scores import agreement, errors
from spark_analytics.scores.folding import folded
from spark_analytics.scores.ordering import in_order
from spark_analytics.scores.wording import ALARMS, stretch

BY: dict[str, tuple[str, ...]] = {
    "fleet": (),
    "devices": ("device_id",),
    "times": ("bucket",),
    "versions": ("model_version",),
}


class Tables(NamedTuple):
    """What text and pages are made from. Moments are ms of event time, errors in the sensor's unit (°C, %RH, lux, V).

    Attributes:
        runs: by run: source, records, predictions, scored, repeats, conflicts, devices, lowest and highest version,
            first and last made_at, datasets (an array of names).
        fleet, devices, times, versions: ``errors.errors`` by run, sensor and horizon_ms, and besides these by nothing,
            device_id, bucket, model_version.
        reasons, pairs, differences: ``agreement.reasons``, ``agreement.agreement`` and ``agreement.histogram``.
        faults: by run and fault: alarmed bins, and devices with such.
        alarms: run, device_id, target_at, score, fault of alarmed bins, the severest ``ALARMS``, in order of time.
        unreadable: records of the topic that are no predictions.
        bucket_ms: of ``times``.
    """

    runs: pd.DataFrame
    fleet: pd.DataFrame
    devices: pd.DataFrame
    times: pd.DataFrame
    versions: pd.DataFrame
    reasons: pd.DataFrame
    pairs: pd.DataFrame
    differences: pd.DataFrame
    faults: pd.DataFrame
    alarms: pd.DataFrame
    unreadable: int
    bucket_ms: int


def collect(
    decoded: DataFrame,
    since: int | None = None,
    until: int | None = None,
    version: int | None = None,
    bucket_ms: int | None = errors.DAY_MS,
) -> Tables:
    """Read the topic once, and sum it up.

    Args:
        decoded: ``frames.decoded`` of ``predictions``.
        since: event time (ms): only forecasts made from then on.
        until: event time (ms): only forecasts made before.
        version: of ``batch``, only forecasts with this version of the model; all if not given.
        bucket_ms: by which ``times`` is cut; None: as fits the time that there is.
    """
    every = folded(decoded, since, until, version).persist(StorageLevel.DISK_ONLY)
    known = every.where("prediction_id IS NOT NULL")
    told = runs(every).toPandas()
    unreadable = int(told.loc[told["run"].isna(), "records"].sum())
    told = in_order(told[told["run"].notna()], "run")
    if bucket_ms is None:
        bucket_ms = errors.DAY_MS if told.empty else stretch(told["first"].min(), told["last"].max())
    pooled = errors.sums(known, bucket_ms).persist(StorageLevel.DISK_ONLY)
    joined = agreement.joined(known)
    differences = agreement.differences(joined).persist(StorageLevel.DISK_ONLY)
    alarmed = alarms(known).persist(StorageLevel.DISK_ONLY)
    by = "run", "sensor", "horizon_ms"
    severest = alarmed.orderBy(functions.desc("score"), "target_at", "device_id", "run").limit(ALARMS)
    found = Tables(
        runs=told,
        **{name: mean_errors(pooled, *by, *more) for name, more in BY.items()},
        reasons=agreement.reasons(joined).toPandas(),
        pairs=in_order(agreement.agreement(differences).toPandas(), "version", "same", "sensor"),
        differences=in_order(agreement.histogram(differences).toPandas(), "version", "same", "sensor", "decade"),
        faults=in_order(faults(alarmed).toPandas(), "run"),
        alarms=in_order(severest.toPandas(), "run", "target_at", "device_id"),
        unreadable=unreadable,
        bucket_ms=bucket_ms,
    )
    for frame in (every, pooled, differences, alarmed):
        frame.unpersist()
    return found


def mean_errors(pooled: DataFrame, *by: str) -> pd.DataFrame:
    """``errors.errors``, in order."""
    return in_order(errors.errors(pooled, *by).toPandas(), *by)


def runs(folded: DataFrame) -> DataFrame:
    """``Tables.runs``, and where there are records that are no predictions one row more, whose ``run`` is null."""
    return folded.groupBy("run", "source").agg(
        functions.expr("sum(records) AS records"),
        functions.expr("count(1) AS predictions"),
        functions.expr("count_if(NOT waiting) AS scored"),
        functions.expr("sum(repeats) AS repeats"),
        functions.expr("count_if(conflict) AS conflicts"),
        functions.expr("count(DISTINCT device_id) AS devices"),
        functions.expr("min(model_version) AS lowest"),
        functions.expr("max(model_version) AS highest"),
        functions.expr("min(made_at) AS first"),
        functions.expr("max(made_at) AS last"),
        functions.expr("sort_array(collect_set(dataset)) AS datasets"),
    )


def alarms(known: DataFrame) -> DataFrame:
    """Alarmed bins of each run; whether one is, does not depend on the horizon, of which there are several."""
    alarmed = known.where("anomaly").groupBy("run", "device_id", "target_at")
    return alarmed.agg(
        functions.expr("max(anomaly_score) AS score"),
        functions.expr("coalesce(max(fault), '') AS fault"),
    )


def faults(alarmed: DataFrame) -> DataFrame:
    """``Tables.faults``."""
    found = alarmed.groupBy("run", "fault").agg(
        functions.expr("count(1) AS bins"), functions.expr("count(DISTINCT device_id) AS devices")
    )
    return found.orderBy("run", functions.desc("bins"), "fault")
