"""The readings through Spark's stateful operator, which knows the pin of the micro-batch from a property of its job."""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import pandas as pd
from pyspark import TaskContext
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.state import GroupState, GroupStateTimeout

from forecaster.config import Config
from spark_analytics import frames
from spark_analytics.choice import Pin, Runs, recorded
from spark_analytics.device import Device, from_bytes, step, to_bytes
from spark_analytics.emitting import codec
from spark_analytics.models import Address, Shelf
from spark_analytics.options import Options
from spark_analytics.packing import ROWS, packed
from spark_analytics.readings import COLUMNS, TOPIC, readings, refusals

PROPERTY = "fedlog.pin"
"""Of the job: the pin, and where its model lies, as JSON."""


def folded(
    spark: SparkSession, options: Options, config: Config, chosen: Runs, addresses: dict[int, Address | None]
) -> DataFrame:
    """``packing.ROWS`` of the readings as they come; of bins that the log knows, with the versions ``chosen`` then.

    Args:
        spark: the session.
        options: of the stream.
        config: of the learning core.
        chosen: which version the log says for which bins.
        addresses: of those versions.
    """
    stream = (
        spark.readStream.format("kafka")
        .option("kafka.bootstrap.servers", options.bootstrap)
        .option("subscribe", TOPIC)
        .option("startingOffsets", "earliest")
        .option("maxOffsetsPerTrigger", options.readings_a_batch)
        .option("failOnDataLoss", "true")
        .load()
    )
    function = _function(config, options.bootstrap, options.registry, chosen, addresses)
    return (
        frames.decoded(frames.records(stream), TOPIC, options.registry)
        .selectExpr(*COLUMNS)
        .groupBy("key")
        .applyInPandasWithState(function, ROWS, "state BINARY", "append", GroupStateTimeout.NoTimeout)
    )


def _function(config: Config, bootstrap: str, registry: str, chosen: Runs, addresses: dict[int, Address | None]) -> Any:
    """The operator's function: readings of a device in, events of it out."""

    def function(key: Any, parts: Iterator[pd.DataFrame], state: GroupState) -> Iterator[pd.DataFrame]:
        context = TaskContext.get()
        assert context is not None
        told = json.loads(context.getLocalProperty(PROPERTY) or "")
        pin, address = Pin(*told["pin"]), told["address"]
        known = {**addresses, pin.version: address and Address(*address)}
        shelf, coder = _shelf(config, bootstrap, registry), codec(registry)
        device = from_bytes(bytes(state.get[0])) if state.exists else Device()
        taken, undone = readings(coder, _whole(list(parts)))
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


def _whole(parts: list[pd.DataFrame]) -> pd.DataFrame:
    return parts[0] if len(parts) == 1 else pd.concat(parts, ignore_index=True)


@cache
def _shelf(config: Config, bootstrap: str, registry: str) -> Shelf:
    """One a process."""
    return Shelf(config, bootstrap, codec(registry))
