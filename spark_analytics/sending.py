"""Records sent to Kafka by the tasks that have them."""

import json
from collections.abc import Iterable, Iterator
from functools import lru_cache

import pandas as pd
from pyspark.sql import DataFrame

from schemas.wire import Headers, Record
from spark_analytics.emitting import write

SENT = "topic STRING, sent BIGINT, newest BIGINT"
"""Of the records of a topic in some part of a frame: how many, and the latest timestamp, ms."""


def sent(records: Iterable[Record], bootstrap: str) -> pd.DataFrame:
    """Send records, have them acknowledged, and say so as ``SENT``."""
    found: dict[str, tuple[int, int]] = {}

    def counted() -> Iterator[Record]:
        for record in records:
            count, newest = found.get(record.topic, (0, 0))
            found[record.topic] = count + 1, max(newest, record.timestamp)
            yield record

    write(counted(), bootstrap)
    return pd.DataFrame([(topic, *told) for topic, told in found.items()], columns=["topic", "sent", "newest"])


def send(rows: DataFrame, bootstrap: str) -> DataFrame:
    """A frame that sends ``avro.records`` when it is collected, and says so as ``SENT``."""

    def sending(parts: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for part in parts:
            yield sent(map(_record, *(part[name] for name in part)), bootstrap)

    return rows.mapInPandas(sending, SENT)


def _record(topic: str, key: bytes, value: bytes, headers: str, timestamp: int) -> Record:
    return Record(topic, bytes(key), bytes(value), _headers(headers), int(timestamp))


@lru_cache(maxsize=1000)
def _headers(text: str) -> Headers:
    return [(name, value.encode()) for name, value in json.loads(text).items()]
