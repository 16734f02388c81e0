"""Records onto the log from a Spark task: acknowledged by Kafka before the task ends."""

import gc
import time
from collections.abc import Iterable
from functools import cache
from typing import Any

from confluent_kafka import KafkaException, Producer

from schemas.codec import Codec
from schemas.events import Event
from schemas.topics import LARGEST_BYTES
from schemas.wire import Record, stamped

FLUSH_S = 60


@cache
def codec(registry: str) -> Codec:
    """One codec a process."""
    gc.freeze()  # as below
    return Codec(registry)


@cache
def _producer(bootstrap: str) -> Producer:
    gc.freeze()  # what is imported is no garbage: a worker of Spark collects after each task, all it knows
    return Producer(
        {
            "bootstrap.servers": bootstrap,
            "acks": "all",
            "enable.idempotence": True,
            "linger.ms": 100,
            "message.max.bytes": LARGEST_BYTES,
            # As Java's clients: a device's events of all stages lie in one partition.
            "partitioner": "murmur2_random",
        }
    )


def emit(events: Iterable[Event], bootstrap: str, registry: str) -> int:
    """Write events to their topics and wait for Kafka's word; return how many there were.

    Raises:
        KafkaException: a record was refused, or Kafka does not answer in time.
    """
    return write(map(codec(registry).encode, events), bootstrap)


def write(records: Iterable[Record], bootstrap: str) -> int:
    """The same for what is encoded already.

    Kafka's own sink of Spark would stamp the records with the wall clock; ours carry event time.

    Raises:
        KafkaException: a record was refused, or Kafka does not answer in time.
    """
    producer, refused, count = _producer(bootstrap), [], 0

    def delivered(error: Any, _: Any) -> None:
        if error is not None:
            refused.append(error)

    for count, record in enumerate(records, start=1):
        while True:
            try:
                producer.produce(
                    record.topic,
                    key=record.key,
                    value=record.value,
                    headers=stamped(record, time.time()),
                    timestamp=record.timestamp,
                    on_delivery=delivered,
                )
                break
            except BufferError:
                producer.poll(0.5)
        if not count % 1000:
            producer.poll(0)
    if producer.flush(FLUSH_S) or refused:
        raise KafkaException(refused[0] if refused else f"records not acknowledged within {FLUSH_S} s")
    return count
