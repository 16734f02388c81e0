"""One run of the fleet analytics: Spark round the pure findings. What has been found says what is new.

1. Read ``fleet_analytics``: how far each device's findings go (``standing``), and where devices are (``placed``).
2. Read ``iot_stream`` from the smallest offset behind that; skip, undecoded, what lies within days of a device that
   are over; make the findings of each device's days; write who has joined, then those of the days that are over.
3. From what is on the log now: neighbours, drift, the fleet's quality; write what is new.
4. Read ``predictions`` from the first one on whose time no ``alarms`` are of yet; write episodes that have ended.

A crash anywhere leaves a log from which the next run goes on: ids are the same, and what is there is not written again.
"""

import logging
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from confluent_kafka import Consumer, TopicPartition
from pyspark.sql import DataFrame, SparkSession, functions

from forecaster.config import Config
from schemas.events import FleetInsight
from schemas.positions import Positions, placings, whereabouts
from schemas.topics import TOPICS
from spark_analytics import frames, session
from spark_analytics.emitting import codec, emit
from spark_analytics.fleet.closing import clock
from spark_analytics.fleet.episodes import episodes
from spark_analytics.fleet.findings import Reasons, candidates, of_devices, of_several_days
from spark_analytics.fleet.insights import DAY_MS, Known
from spark_analytics.fleet.rows import ROWS, finding, rows, scored
from spark_analytics.fleet.standing import over, standings, starts, watches
from spark_analytics.readings import COLUMNS
from spark_analytics.scores.folding import RUN

logger = logging.getLogger(__name__)

TOPIC = "fleet_analytics"
ANSWER_S = 30
SCORED = (
    "coalesce(bool_or(event.anomaly), false) AS alarm",
    "coalesce(max(event.anomaly_score), 0D) AS score",
    "max(event.fault) AS fault",
    "max(event.reading_offset) AS offset",
)
"""Of a bin, from its forecasts at all horizons: whether it was an anomaly does not depend on these."""


class Place(NamedTuple):
    """The log, and the Spark that reads it."""

    spark: SparkSession
    bootstrap: str
    registry: str


class Done(NamedTuple):
    """By kind, how many findings were written; and where devices were taken to be."""

    written: Counter[str]
    places: Positions


def run(bootstrap: str, registry: str, jars: Path, source: str, version: int | None, places: Positions | None) -> Done:
    """Find what there is to be found by now, and write what is not on the log yet.

    Args:
        bootstrap: of Kafka.
        registry: of schemas.
        jars: folder of Spark's connectors.
        source: of the predictions whose alarms make episodes: ``local``, ``stream`` or ``batch``.
        version: of ``batch``, those made with which version of the model; None: the newest that there are any of.
        places: of devices; None: as the log says. Nothing is said of the neighbours of who has none.

    Raises:
        KafkaException: Kafka does not answer, or has refused a finding.
    """
    with tempfile.TemporaryDirectory(prefix="fedlog-analytics-") as folder:
        records = frames.count(bootstrap, "iot_stream", "predictions")
        place = Place(session.start("fedlog-analytics", jars, Path(folder), None, records), bootstrap, registry)
        known = read(place)
        places = whereabouts(placings(known.values())) if places is None else places
        written = Counter[str]()
        found = over(of_readings(place, known), standings(known))
        if found is None:
            return Done(written, places)

        def write(findings: list[FleetInsight]) -> None:
            emit(findings, bootstrap, registry)
            known.update((event.insight_id, event) for event in findings)
            written.update(event.kind for event in findings)

        made = of_devices(found, known, lambda since: rejections(place, since))
        write([event for event in made if event.kind == "joined"])
        write([event for event in made if event.kind != "joined"])
        write(of_several_days(found, known, places))
        judged = batch_run(place, version) if source == "batch" else source
        write([event for event in of_predictions(place, known, judged) if event.insight_id not in known])
    return Done(written, places)


def read(place: Place) -> Known:
    """What has been found before; of two with one id, the first on the log."""
    frame = frames.decoded(frames.whole(place.spark, place.bootstrap, TOPIC), TOPIC, place.registry)
    known: Known = {}
    unreadable = 0
    for row in frame.select("partition", "offset", "event").orderBy("partition", "offset").collect():
        if row.event is None:
            unreadable += 1
            continue
        event = finding(row.event)
        known.setdefault(event.insight_id, event)
    if unreadable:
        logger.warning("%d records of %s are no findings: the sink has written letters", unreadable, TOPIC)
    return known


def of_readings(place: Place, known: Known) -> list[FleetInsight]:
    """Findings of all days that have readings which are not behind a day that is over."""
    devices = standings(known)
    new = frames.whole(place.spark, place.bootstrap, "iot_stream", starts(devices))
    if devices:
        bounds = pd.DataFrame([(name.encode(), s.after) for name, s in devices.items()], columns=["key", "after"])
        known_to = place.spark.createDataFrame(bounds, "key BINARY, after BIGINT")
        new = new.join(known_to.hint("broadcast"), "key", "left").where("after IS NULL OR offset > after").drop("after")
    registry = place.registry

    def found(key: Any, records: pd.DataFrame) -> pd.DataFrame:
        name = bytes(key[0]).decode(errors="replace")
        return rows(candidates(codec(registry), records, devices.get(name)))

    decoded = frames.decoded(new, "iot_stream", registry).selectExpr(*COLUMNS)
    # What Spark could read, Python needs no bytes of.
    lean = decoded.withColumn("value", functions.expr("if(sound, NULL, value)"))
    return _collected(lean.groupBy("key").applyInPandas(found, ROWS))


def rejections(place: Place, since: int) -> Reasons:
    """Records of which a stage said, for the same reason, that it could not digest them; each counted once."""
    frame = frames.whole(place.spark, place.bootstrap, "dead_letters", since_moment(place, "dead_letters", since))
    frame = frames.decoded(frame, "dead_letters", place.registry).where("event.origin_timestamp IS NOT NULL")
    names = ("origin_key", "origin_topic", "origin_partition", "origin_offset", "error_class")
    day = f"event.origin_timestamp - pmod(event.origin_timestamp, {DAY_MS}) AS start"
    frame = frame.selectExpr(*(f"event.{name} AS {name}" for name in names), day).distinct()
    found: dict[tuple[str, int], dict[str, int]] = {}
    for row in frame.groupBy("origin_key", "start", "error_class").count().collect():
        device_id = bytes(row.origin_key or b"").decode(errors="replace")
        found.setdefault((device_id, row.start), {})[row.error_class] = row["count"]
    return found


def batch_run(place: Place, version: int | None) -> str:
    """The name of the batch run with a version, e.g. ``batch/v7``, or the newest; each is judged by itself."""
    if version is None:
        frame = frames.decoded(frames.whole(place.spark, place.bootstrap, "predictions"), "predictions", place.registry)
        [found] = frame.where("event.source = 'batch'").selectExpr("max(event.model_version) AS newest").collect()
        version = found.newest or 0
    return f"batch/v{version}"


def of_predictions(place: Place, known: Known, source: str) -> list[FleetInsight]:
    """Episodes, and the alarms of days, of what was forecast and has come.

    Args:
        place: the log.
        known: what has been found before.
        source: of the predictions: ``local``, ``stream``, or a ``batch_run``.
    """
    config = Config()
    watched = watches(known, source, config.bin_ms)
    if not watched:
        return []
    since = min(each.since for each in watched.values())
    frame = frames.whole(place.spark, place.bootstrap, "predictions", since_moment(place, "predictions", since))
    bins = (
        frames.decoded(frame.where(f"timestamp >= {since}"), "predictions", place.registry)
        .where(f"{RUN} = '{source}' AND event.actual IS NOT NULL")
        .groupBy(
            functions.expr("event.device_id AS device_id"),
            functions.expr(f"event.target_at - {config.bin_ms} AS start"),
        )
        .agg(*map(functions.expr, SCORED))
        .persist()
    )
    latest = bins.groupBy("device_id").agg(functions.max("start").alias("newest")).collect()
    newest = {row.device_id: row.newest for row in latest}
    if not newest:
        return []
    now = clock(newest)

    def found(key: Any, frame: pd.DataFrame) -> pd.DataFrame:
        own = watched.get(key[0])
        return rows([] if own is None else episodes(own, scored(frame[frame["start"] >= own.since]), now))

    return _collected(bins.groupBy("device_id").applyInPandas(found, ROWS))


def since_moment(place: Place, topic: str, moment: int) -> dict[int, int]:
    """By partition, the first offset whose record's timestamp is ``moment`` (ms) or later; else its end."""
    consumer = Consumer({"bootstrap.servers": place.bootstrap, "group.id": "spark-analytics"})
    try:
        wanted = [TopicPartition(topic, p, moment) for p in range(TOPICS[topic].partitions)]
        ends = {p.partition: consumer.get_watermark_offsets(p, timeout=ANSWER_S)[1] for p in wanted}
        found = consumer.offsets_for_times(wanted, timeout=ANSWER_S)
        return {p.partition: p.offset if p.offset >= 0 else ends[p.partition] for p in found}
    finally:
        consumer.close()


def _collected(frame: DataFrame) -> list[FleetInsight]:
    return [finding(row) for row in frame.collect()]
