"""The sink's Kafka clients: how they are set up, and how far behind one is."""

from collections import Counter
from typing import Any

from confluent_kafka import Consumer

from schemas.topics import LARGEST_BYTES


def lag_of(consumer: Consumer) -> Counter[str]:
    """Per topic, how many records lie between the consumer and the end, as far as it has heard."""
    lags: Counter[str] = Counter()
    for place in consumer.position(consumer.assignment()):
        _, end = consumer.get_watermark_offsets(place, cached=True)
        if place.offset >= 0 and end >= 0:
            lags[place.topic] += max(end - place.offset, 0)
    return lags


def consumer_settings(bootstrap: str, group: str) -> dict[str, Any]:
    """The consumer's configuration, in librdkafka's names."""
    return {
        "bootstrap.servers": bootstrap,
        "group.id": group,
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        "session.timeout.ms": 10_000,  # after a kill, the partitions are free again this soon
        # Waiting for MongoDB may take this long without losing the partitions; heartbeats go on meanwhile.
        "max.poll.interval.ms": 86_400_000,
        "fetch.min.bytes": 65_536,  # or what has come after half a second: not a request for each record
        "queued.max.messages.kbytes": 16_384,  # a partition; the default of 64 MiB is much for updates with weights
        "topic.metadata.refresh.interval.ms": 10_000,
    }


def producer_settings(bootstrap: str) -> dict[str, Any]:
    """The configuration of the producer of dead letters."""
    return {
        "bootstrap.servers": bootstrap,
        "acks": "all",
        "enable.idempotence": True,
        "linger.ms": 5,
        "message.max.bytes": LARGEST_BYTES,
    }
