"""The streaming evaluator: Structured Streaming round the pure step, the model swapped between micro-batches.

For every micro-batch, in this order:

1. Read what has come on ``global_models``.
2. Pin the version that everybody stands on to the batch and write it down; a batch that is run again finds its pin.
3. Tell the batch's tasks the pin and where its model lies on the log. What a stateful operator is given when the query
   starts stays as it is, a broadcast too, so this goes as a property of the batch's job; each worker process reads the
   model once.
4. Fold the readings of each device, Spark keeping the state; forecast from the bins that closed, score what was
   forecast for them.
5. Send the events and wait until Kafka has acknowledged them.
6. Return, by which Spark commits the batch's offsets and state.

A crash before 6 repeats the batch: the same pin, the same ids, the same values. Without its checkpoint the query reads
the topic anew, and which version it had chosen for each bin from ``predictions`` (``past``).
"""

import gc
import json
import logging
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from pyspark import TaskContext
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming import StreamingQuery
from pyspark.sql.streaming.state import GroupState, GroupStateTimeout

from forecaster import course, evaluator
from forecaster.bins import Summary
from forecaster.config import SENSORS, Config
from forecaster.knowledge import initial
from schemas.codec import Codec
from spark_analytics import STATE_VERSION, frames, past, session
from spark_analytics.choice import Pin, Runs, recorded
from spark_analytics.device import Device, from_bytes, step, to_bytes
from spark_analytics.emitting import codec, emit
from spark_analytics.gauges import Gauges
from spark_analytics.models import Address, Models, Shelf
from spark_analytics.packing import ROWS, events, packed
from spark_analytics.pins import Pins
from spark_analytics.readings import COLUMNS, TOPIC, readings, refusals
from spark_analytics.sending import SENT, sent
from spark_analytics.session import CORES

logger = logging.getLogger(__name__)

SOURCE = past.SOURCE
PROPERTY = "fedlog.pin"
FINISH_S = 30


class Options(NamedTuple):
    """How the stream is run.

    Attributes:
        bootstrap: of Kafka.
        registry: of schemas.
        jars: folder of Spark's connectors.
        folder: for the checkpoint.
        ui_port: of Spark's web interface.
        metrics_port: of the metrics.
        trigger_seconds: between two micro-batches.
        readings_a_batch: at most, and so how many may be evaluated before a newer model is looked for.
        stale_after_ms: event time after which the newest model counts as old; 0: never.
    """

    bootstrap: str
    registry: str
    jars: Path
    folder: Path
    ui_port: int
    metrics_port: int
    trigger_seconds: float
    readings_a_batch: int
    stale_after_ms: int


def run(options: Options) -> None:
    """Evaluate until told to stop; the micro-batch under way is finished first.

    Raises:
        StreamingQueryException: a batch failed; starting again goes on from the checkpoint.
    """
    spark = session.start("fedlog-stream", options.jars, options.folder, options.ui_port)
    checkpoint = options.folder / f"state-{STATE_VERSION}" / "checkpoint"
    checkpoint.mkdir(parents=True, exist_ok=True)
    evaluator = Evaluator(options, Pins(checkpoint))
    chosen = past.kept(checkpoint, options.bootstrap, evaluator.models.codec)
    evaluator.models.follow()
    addresses = {run.version: evaluator.models.addresses.get(run.version) for own in chosen.values() for run in own}
    _warm(spark)
    query = (
        folded(spark, options, folding(Config(), options.bootstrap, options.registry, chosen, addresses))
        .writeStream.foreachBatch(evaluator)
        .option("checkpointLocation", str(checkpoint))
        .trigger(processingTime=f"{options.trigger_seconds} seconds")
        .start()
    )
    told = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told.set())
    while query.isActive and not told.is_set():
        told.wait(0.5)
    if not told.is_set():
        query.awaitTermination()
    _finish(query)
    query.stop()


def _warm(spark: SparkSession) -> None:
    """Have every Python worker compile before the first micro-batch, not in the middle of a later one.

    A task of the query has two operators in Python, each in a worker of its own, and any worker may come to be either.
    The first alone: what it compiles lies in the cache for the others.
    """

    def compiled(parts: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        config = Config()
        nothing = np.zeros((1, len(Summary._fields), len(SENSORS)), np.float32)
        start, model = evaluator.begin(config), course.numbers(initial(config))
        evaluator.run(config, start, np.zeros(1, np.int64), nothing, model, 0, np.zeros(1, np.int32))
        gc.freeze()
        yield from parts

    spark.range(0, 1, numPartitions=1).mapInPandas(compiled, "id BIGINT").collect()
    everywhere = spark.range(0, CORES, numPartitions=CORES)
    everywhere.mapInPandas(compiled, "id BIGINT").mapInPandas(compiled, "id BIGINT").collect()


def _finish(query: StreamingQuery) -> None:
    """Wait for the micro-batch under way, so that nothing is done twice; not for ever, for that would be no harm."""
    before, deadline = query.lastProgress, time.monotonic() + FINISH_S
    while query.isActive and query.status["isTriggerActive"] and time.monotonic() < deadline:
        if query.lastProgress != before:
            break
        time.sleep(0.05)


def folded(spark: SparkSession, options: Options, function: Any) -> DataFrame:
    """The readings through the stateful operator."""
    stream = (
        spark.readStream.format("kafka")
        .option("kafka.bootstrap.servers", options.bootstrap)
        .option("subscribe", TOPIC)
        .option("startingOffsets", "earliest")
        .option("maxOffsetsPerTrigger", options.readings_a_batch)
        .option("failOnDataLoss", "true")
        .load()
    )
    return (
        frames.decoded(frames.records(stream), TOPIC, options.registry)
        .selectExpr(*COLUMNS)
        .groupBy("key")
        .applyInPandasWithState(function, ROWS, "state BINARY", "append", GroupStateTimeout.NoTimeout)
    )


def folding(config: Config, bootstrap: str, registry: str, chosen: Runs, addresses: dict[int, Address | None]) -> Any:
    """The stateful operator's function: readings of a device in, events of it out, as rows of ``packing.ROWS``."""

    def function(key: Any, frames: Iterator[pd.DataFrame], state: GroupState) -> Iterator[pd.DataFrame]:
        context = TaskContext.get()
        assert context is not None
        told = json.loads(context.getLocalProperty(PROPERTY) or "")
        pin, address = Pin(*told["pin"]), told["address"]
        known = {**addresses, pin.version: address and Address(*address)}
        shelf, coder = _shelf(config, bootstrap, registry), codec(registry)
        device = from_bytes(bytes(state.get[0])) if state.exists else Device()
        taken, undone = readings(coder, _whole(list(frames)))
        made: tuple[str, str, int, Any] = "", "", 0, ()
        if taken is not None:
            device, table, refused = step(
                *(config, device, taken.device_id, taken.columns, recorded(chosen, pin)),
                lambda version: shelf.numbers(version, known.get(version)),
            )
            state.update((to_bytes(device),))
            undone += refusals(taken, refused)
            made = taken.device_id, taken.dataset, taken.partition, table
        yield packed(coder, *made, undone)

    return function


def _whole(frames: list[pd.DataFrame]) -> pd.DataFrame:
    return frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)


@cache
def _shelf(config: Config, bootstrap: str, registry: str) -> Shelf:
    """One a process."""
    return Shelf(config, bootstrap, codec(registry))


class Evaluator:
    """What is done with each micro-batch."""

    def __init__(self, options: Options, pins: Pins) -> None:
        self.options, self.pins = options, pins
        self.models = Models(Config(), options.bootstrap, Codec(options.registry))
        self.gauges = Gauges(options.metrics_port)

    def __call__(self, frame: DataFrame, batch: int) -> None:
        """Steps 1 to 5."""
        models, bootstrap, registry = self.models, self.options.bootstrap, self.options.registry
        models.follow()
        wanted = Pin(models.known.champion, models.newest, models.known.window_end, self.options.stale_after_ms)
        before, pin = self.pins.last.version, self.pins.pin(batch, wanted)
        if pin.version != before:
            logger.info("from batch %d on version %d forecasts", batch, pin.version)
        emit(models.letters, bootstrap, registry)
        told = {"pin": pin, "address": models.addresses.get(pin.version)}
        frame.sparkSession.sparkContext.setLocalProperty(PROPERTY, json.dumps(told))

        def send(parts: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
            for part in parts:
                yield sent(map(codec(registry).encode, events(codec(registry), part, SOURCE)), bootstrap)

        counts, newest = Counter[str](dead_letters=len(models.letters)), 0
        models.letters.clear()
        for row in frame.mapInPandas(send, SENT).collect():
            counts[row.topic] += row.sent
            newest = max(newest, row.newest if row.topic == "predictions" else 0)
        self.gauges.batch(pin, batch, counts, newest)
