"""What is done with each micro-batch, its version pinned, its events sent; and between them, models followed."""

import json
import logging
import threading
from collections import Counter
from collections.abc import Iterator

import pandas as pd
from pyspark.sql import DataFrame

from forecaster.config import Config
from schemas.codec import Codec
from spark_analytics.choice import Pin
from spark_analytics.emitting import codec, emit
from spark_analytics.folding import PROPERTY
from spark_analytics.gauges import Gauges
from spark_analytics.models import Models
from spark_analytics.options import Options
from spark_analytics.packing import events
from spark_analytics.past import SOURCE
from spark_analytics.pins import Pins
from spark_analytics.sending import SENT, sent

logger = logging.getLogger(__name__)


class StoppedError(RuntimeError):
    """A micro-batch would begin after the query was told to stop."""


class MicroBatches:
    """Of one query, as ``foreachBatch`` calls it, on a thread of its own."""

    def __init__(self, options: Options, config: Config, pins: Pins) -> None:
        self.options, self.pins = options, pins
        self.models = Models(config, options.bootstrap, Codec(options.registry))
        self.gauges = Gauges(options.metrics_port)
        self.lock = threading.Lock()
        self.begun, self.told = -1, False

    def follow(self) -> Pin:
        """Read what has come on ``global_models``, send letters for what cannot be used; any thread may.

        Returns:
            What a micro-batch that begins now is to forecast with.

        Raises:
            KafkaException: Kafka does not answer; what could not be sent is left for the next call.
        """
        with self.lock:
            models = self.models
            models.follow()
            letters = emit(models.letters, self.options.bootstrap, self.options.registry)
            models.letters.clear()
            wanted = Pin(models.known.champion, models.newest, models.known.window_end, self.options.stale_after_ms)
            self.gauges.follow(wanted, letters)
            return wanted

    def stop(self) -> int:
        """Let no other micro-batch begin; return the last that has, in this process; -1: none."""
        with self.lock:
            self.told = True
            return self.begun

    def __call__(self, frame: DataFrame, batch: int) -> None:
        """Steps 1 to 5 (``stream``).

        Raises:
            StoppedError: told to stop. Nothing was done; Spark begins the batch again when it is started again.
        """
        with self.lock:
            if self.told:
                raise StoppedError(f"told to stop: batch {batch} is left for the next start")
            self.begun = batch
        wanted = self.follow()
        before, pin = self.pins.last.version, self.pins.pin(batch, wanted)
        if pin.version != before:
            logger.info("from batch %d on version %d forecasts", batch, pin.version)
        told = {"pin": pin, "address": self.models.addresses.get(pin.version)}
        frame.sparkSession.sparkContext.setLocalProperty(PROPERTY, json.dumps(told))
        bootstrap, registry = self.options.bootstrap, self.options.registry

        def send(parts: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
            for part in parts:
                yield sent(map(codec(registry).encode, events(codec(registry), part, SOURCE)), bootstrap)

        counts, newest = Counter[str](), 0
        for row in frame.mapInPandas(send, SENT).collect():
            counts[row.topic] += row.sent
            newest = max(newest, row.newest if row.topic == "predictions" else 0)
        self.gauges.batch(pin, batch, counts, newest)
