"""Records sent to Kafka by the tasks that have them; nothing here needs the learning core, which would load as well."""

import json
from collections.abc import Iterator
from functools import lru_cache

import pandas as pd
from pyspark.sql import DataFrame

from schemas.wire import Headers, Record
from spark_analytics.emitting import write

SENT = "topic STRING, sent BIGINT, newest BIGINT"
"""Of the records of a topic in some part of a frame: how many, and the latest timestamp, ms."""


def send(rows: DataFrame, bootstrap: str) -> DataFrame:
    """A frame that, when it is collected, sends ``avro.records``, has them acknowledged, and says so as ``SENT``."""

    def sending(parts: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for part in parts:
            write(map(_record, *(part[name] for name in part)), bootstrap)
            yield part.groupby("topic", as_index=False).agg(sent=("timestamp", "size"), newest=("timestamp", "max"))

    return rows.mapInPandas(sending, SENT)


def _record(topic: str, key: bytes, value: bytes, headers: str, timestamp: int) -> Record:
    return Record(topic, bytes(key), bytes(value), _headers(headers), int(timestamp))


@lru_cache(maxsize=1000)
def _headers(text: str) -> Headers:
    return [(name, value.encode()) for name, value in json.loads(text).items()]
