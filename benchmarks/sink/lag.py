"""How far behind a topic's end the consumers of a connector are."""

import time
from collections.abc import Sequence

from confluent_kafka import Consumer, TopicPartition

from benchmarks.sink.kafka_connect import Connect, ConnectError
from schemas.topics import TOPICS


def behind(bootstrap: str, group: str, topics: Sequence[str]) -> int:
    """How many records of the topics a consumer group has not committed yet."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group})
    try:
        places = [TopicPartition(topic, p) for topic in topics for p in range(TOPICS[topic].partitions)]
        total = 0
        for place in consumer.committed(places, 30):
            low, high = consumer.get_watermark_offsets(TopicPartition(place.topic, place.partition), 30)
            total += high - max(place.offset, low)
        return total
    finally:
        consumer.close()


def catch_up(connect: Connect, bootstrap: str, patience: float = 120) -> None:
    """Wait until every connector's group, ``connect-<name>``, has committed all that its topics hold.

    Raises:
        ConnectError: a task fails meanwhile, or ``patience`` seconds do not suffice.
    """
    deadline = time.monotonic() + patience
    waiting = dict(connect.connectors)
    while waiting:
        connect.running()
        for name in list(waiting):
            if behind(bootstrap, f"connect-{name}", waiting[name]["topics"].split(",")) == 0:
                del waiting[name]
        if time.monotonic() > deadline:
            raise ConnectError(f"{', '.join(waiting)} not at the end within {patience} s")
        time.sleep(0.3)
