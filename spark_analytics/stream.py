"""The streaming evaluator: Structured Streaming round the pure step, the model swapped between micro-batches.

For every micro-batch, in this order:

1. Read what has come on ``global_models``.
2. Pin the version that everybody stands on to the batch and write it down; a batch that is run again finds its pin.
3. Fold the readings of each device, Spark keeping the state; evaluate the bins that closed.
4. Send the events and wait until Kafka has acknowledged them.
5. Return, by which Spark commits the batch's offsets and state.

A crash before 5 repeats the batch: the same pin, the same ids, the same values.
"""

import logging
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from pyspark import TaskContext
from pyspark.sql import DataFrame
from pyspark.sql.streaming.state import GroupState, GroupStateTimeout

from forecaster.config import Config
from schemas.codec import Codec
from spark_analytics import STATE_VERSION, session
from spark_analytics.device import empty, from_bytes, to_bytes
from spark_analytics.emitting import codec, emit
from spark_analytics.evaluation import predictions
from spark_analytics.folding import ROWS, evaluated, fold, letters, rows
from spark_analytics.models import Models
from spark_analytics.pins import Pins

logger = logging.getLogger(__name__)

READINGS_A_BATCH = 10_000
"""At most, and so how many it may evaluate with a model before it looks for a newer one."""
SAY_S = 10


def run(bootstrap: str, registry: str, jars: Path, folder: Path, ui_port: int, trigger_seconds: int) -> None:
    """Evaluate until told to stop.

    Raises:
        StreamingQueryException: a batch failed; starting again goes on from the checkpoint.
    """
    spark = session.start("fedlog-stream", jars, folder, ui_port)
    stream = (
        spark.readStream.format("kafka")
        .option("kafka.bootstrap.servers", bootstrap)
        .option("subscribe", "iot_stream")
        .option("startingOffsets", "earliest")
        .option("maxOffsetsPerTrigger", READINGS_A_BATCH)
        .option("failOnDataLoss", "true")
        .load()
    )
    folded = (
        session.records(stream)
        .groupBy("device")
        .applyInPandasWithState(
            folding(Config(), registry), ROWS, "state BINARY", "append", GroupStateTimeout.NoTimeout
        )
    )
    kept = folder / f"state-{STATE_VERSION}"
    kept.mkdir(parents=True, exist_ok=True)
    evaluator = Evaluator(bootstrap, registry, Pins(kept / "pins.jsonl"))
    query = (
        folded.writeStream.foreachBatch(evaluator)
        .option("checkpointLocation", str(kept / "checkpoint"))
        .trigger(processingTime=f"{trigger_seconds} seconds")
        .start()
    )
    told = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told.set())
    while query.isActive and not told.is_set():
        told.wait(0.5)
    query.stop() if told.is_set() else query.awaitTermination()


def folding(config: Config, registry: str) -> Any:
    """The stateful operator's function: readings of a device in, rows of ``ROWS`` out."""

    def function(key: Any, frames: Iterator[pd.DataFrame], state: GroupState) -> Iterator[pd.DataFrame]:
        context = TaskContext.get()
        assert context is not None
        batch = int(context.getLocalProperty("streaming.sql.batchId") or 0)
        device = from_bytes(bytes(state.get[0])) if state.exists else empty(config)
        for frame in frames:
            folded = fold(config, codec(registry), device, frame, batch)
            device = folded.device
            yield rows(codec(registry), folded)
        if device.open_bin is not None:
            state.update((to_bytes(device),))

    return function


class Evaluator:
    """What is done with each micro-batch."""

    def __init__(self, bootstrap: str, registry: str, pins: Pins) -> None:
        self.bootstrap, self.registry, self.pins = bootstrap, registry, pins
        self.config = Config()
        self.models = Models(self.config, bootstrap, Codec(registry))
        self.said, self.sent = time.monotonic(), 0

    def __call__(self, frame: DataFrame, batch: int) -> None:
        """Steps 1 to 4."""
        self.models.follow()
        version = self.pins.pin(batch, self.models.newest, self.models.champion)
        emit(self.models.letters, self.bootstrap, self.registry)
        self.models.letters.clear()
        pinned = dict(self.pins.versions)
        known = {wanted: self.models.knowledge[wanted] for wanted in set(pinned.values())}
        shared = frame.sparkSession.sparkContext.broadcast((pinned, known))
        config, bootstrap, registry = self.config, self.bootstrap, self.registry

        def evaluate(frames: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
            versions, models = shared.value
            for part in frames:
                sent = emit(letters(codec(registry), part), bootstrap, registry)
                made = predictions(config, "stream", list(evaluated(part)), versions, models)
                yield pd.DataFrame({"sent": [sent + emit(made, bootstrap, registry)]})

        self.sent += sum(row.sent for row in frame.mapInPandas(evaluate, "sent BIGINT").collect())
        shared.unpersist()
        if time.monotonic() - self.said > SAY_S:
            logger.info("batch %d: version %d, %d events sent", batch, version, self.sent)
            self.said, self.sent = time.monotonic(), 0
