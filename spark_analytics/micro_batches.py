"""What is done with each micro-batch: its version pinned, its events sent."""

import json
import logging
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


class MicroBatches:
    """Of one query, as ``foreachBatch`` calls it."""

    def __init__(self, options: Options, config: Config, pins: Pins) -> None:
        self.options, self.pins = options, pins
        self.models = Models(config, options.bootstrap, Codec(options.registry))
        self.gauges = Gauges(options.metrics_port)

    def __call__(self, frame: DataFrame, batch: int) -> None:
        """Steps 1 to 5 (``stream``)."""
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
