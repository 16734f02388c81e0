"""The streaming evaluator: Structured Streaming round the pure step, the model swapped between micro-batches.

For every micro-batch, in this order:

1. Read what has come on ``global_models``, which is done twice a second besides.
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

import logging
import signal
import threading
import time
from pathlib import Path

from confluent_kafka import KafkaException
from pyspark.sql.streaming import StreamingQuery

from forecaster.config import Config
from spark_analytics import STATE_VERSION, past, session
from spark_analytics.folding import folded
from spark_analytics.micro_batches import MicroBatches
from spark_analytics.options import Options
from spark_analytics.pins import Pins
from spark_analytics.warming import warm

logger = logging.getLogger(__name__)

FOLLOW_S = 0.5
"""Between two looks at ``global_models`` while no readings come."""
FINISH_S = 30


def run(options: Options) -> None:
    """Evaluate until told to stop; the micro-batch under way is finished first, and no other begun.

    Raises:
        StreamingQueryException: a batch failed; starting again goes on from the checkpoint.
    """
    spark = session.start("fedlog-stream", options.jars, options.folder, options.ui_port)
    checkpoint = options.folder / f"state-{STATE_VERSION}" / "checkpoint"
    checkpoint.mkdir(parents=True, exist_ok=True)
    config = Config()
    batches = MicroBatches(options, config, Pins(checkpoint))
    models = batches.models
    chosen = past.kept(checkpoint, options.bootstrap, models.codec)
    batches.follow()
    addresses = {own.version: models.addresses.get(own.version) for runs in chosen.values() for own in runs}
    warm(spark)
    query = (
        folded(spark, options, config, chosen, addresses)
        .writeStream.foreachBatch(batches)
        .option("checkpointLocation", str(checkpoint))
        .trigger(processingTime=f"{options.trigger_seconds} seconds")
        .start()
    )
    told = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told.set())
    while query.isActive and not told.wait(FOLLOW_S):
        _follow(batches)
    if not told.is_set():
        query.awaitTermination()
    _finish(query, batches, checkpoint)
    query.stop()


def _follow(batches: MicroBatches) -> None:
    """Also while no readings come: a micro-batch that begins follows by itself, and fails where it cannot."""
    try:
        batches.follow()
    except KafkaException as error:
        logger.warning("global_models is not followed for now: %s", error)


def _finish(query: StreamingQuery, batches: MicroBatches, checkpoint: Path) -> None:
    """Wait until the micro-batch under way is committed, so that nothing is done twice.

    Not for ever, for that would be no harm. What Spark tells of its progress may be of a batch that it has yet to
    begin, so the commit itself is waited for.
    """
    last, deadline = batches.stop(), time.monotonic() + FINISH_S
    committed = checkpoint / "commits" / str(last)
    while last >= 0 and query.isActive and not committed.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
