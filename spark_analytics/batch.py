"""The batch evaluator: all readings, or a range of them, with one version of the model, scored."""

import logging
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyspark.sql import DataFrame

from forecaster.config import Config
from forecaster.forecast_table import Forecasts
from schemas.codec import Codec
from spark_analytics import avro, frames, session
from spark_analytics.choice import UNKNOWN, Pin
from spark_analytics.columns import ROWS, forecasts, letters
from spark_analytics.device import Device, latest, step
from spark_analytics.emitting import codec
from spark_analytics.models import Models, Shelf
from spark_analytics.readings import COLUMNS, TOPIC, readings, refusals
from spark_analytics.scores.tables import Tables, collect
from spark_analytics.sending import send

logger = logging.getLogger(__name__)

SOURCE = "batch"
BINS = 4096
"""That one call takes: two weeks of a device."""
TASKS = 8
"""Devices are spread over so many tasks: more than cores, so that none is left with all the work."""


class NoModelError(LookupError):
    """The log has no model of that version, or none at all."""


class Range(NamedTuple):
    """Which forecasts are wanted: those made in it.

    What comes before is read all the same, for a device's history is behind each of its forecasts.

    Attributes:
        since, until: event time, ms; ``until`` is not in it.
        starts, ends: offsets of ``iot_stream`` by partition; forecasts of readings from a start on, before an end.
    """

    since: int | None = None
    until: int | None = None
    starts: Mapping[int, int] = {}
    ends: Mapping[int, int] = {}

    def within(self, table: Forecasts, partition: int) -> Forecasts:
        """The forecasts in it; of those made in it, also what they were scored with."""
        if self == Range():
            return table
        wanted = np.ones(len(table), np.bool_)
        if self.since is not None:
            wanted &= table["made_at"] >= self.since
        if self.until is not None:
            wanted &= table["made_at"] < self.until
        if partition in self.starts:
            made = table[(table["scored"] == 0) & (table["reading_offset"] >= self.starts[partition])]
            first = made["made_at"].min() if len(made) else np.iinfo(np.int64).max
            wanted &= table["made_at"] >= first
        return table[wanted]


class Outcome(NamedTuple):
    """What a run did: with which version, how many events it sent, and what is then to be said of all forecasts."""

    version: int
    forecasts: int
    letters: int
    tables: Tables


def run(bootstrap: str, registry: str, jars: Path, version: int | None, wanted: Range) -> Outcome:
    """Evaluate readings; emit ``batch`` predictions.

    Raises:
        NoModelError: there is no such version.
    """
    models = Models(Config(), bootstrap, Codec(registry))
    models.follow()
    chosen = models.known.champion if version is None else version
    if chosen not in models.addresses:
        raise NoModelError(f"there is no global model {chosen or ''} on the log yet: see `make models`")
    known = Shelf(Config(), bootstrap, models.codec).numbers(chosen, models.addresses[chosen])
    logger.info("evaluating iot_stream with version %d", chosen)
    with tempfile.TemporaryDirectory(prefix="fedlog-batch-") as folder:
        spark = session.start("fedlog-batch", jars, Path(folder), None, frames.count(bootstrap, TOPIC, "predictions"))
        topic = frames.whole(spark, bootstrap, TOPIC, ends=dict(wanted.ends) or None)

        decoded = frames.decoded(topic, TOPIC, registry).selectExpr(*COLUMNS)
        events = avro.records(evaluated(decoded, registry, chosen, known, wanted), registry)
        sent: Counter[str] = Counter()
        for row in send(events, bootstrap).collect():
            sent[row.topic] += row.sent
        said = frames.decoded(frames.whole(spark, bootstrap, "predictions"), "predictions", registry)
        tables = collect(said, wanted.since, wanted.until, chosen)
        spark.stop()
    return Outcome(chosen, sent["predictions"], sent["dead_letters"], tables)


def evaluated(records: DataFrame, registry: str, version: int, known: NDArray[np.float32], wanted: Range) -> DataFrame:
    """Forecasts and dead letters of readings, as ``columns.ROWS``.

    Args:
        records: of ``iot_stream``, ``readings.COLUMNS``.
        registry: of schemas.
        version: of the model.
        known: its numbers (``course.numbers``).
        wanted: which forecasts.
    """
    config, choose = Config(), Pin(version, version, 0, 0).choose

    def evaluate(rows: pd.DataFrame) -> pd.DataFrame:
        taken, undone = readings(codec(registry), rows)
        if taken is None:
            return letters(codec(registry), undone)
        named = taken.device_id, taken.partition, taken.dataset
        _, table, refused = step(config, Device(), taken.device_id, taken.columns, choose, lambda _: known, BINS)
        table = latest(wanted.within(table, taken.partition))
        table["stale"] = UNKNOWN
        made, undone = forecasts(table, SOURCE, *named, named=True), undone + refusals(taken, refused)
        return pd.concat([made, letters(codec(registry), undone)]) if undone else made

    return records.repartition(TASKS, "key").groupBy("key").applyInPandas(evaluate, ROWS)
