"""A broker of librdkafka's own, in this process: it takes and gives records and keeps groups, and that is all."""

from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import Consumer, Message, TopicPartition

QUIET = {"log_level": 0}


@contextmanager
def broker() -> Iterator[str]:
    """One without topics; yields its address. Who writes to a topic makes it, of four partitions."""
    owner = Consumer({"test.mock.num.brokers": 1, "group.id": "owner"} | QUIET)
    [found] = owner.list_topics(timeout=10).brokers.values()
    yield f"{found.host}:{found.port}"
    owner.close()


def first(bootstrap: str, topic: str) -> Message:
    """A topic's first record."""
    reader = Consumer({"bootstrap.servers": bootstrap, "group.id": "reader"} | QUIET)
    reader.assign([TopicPartition(topic, partition, 0) for partition in range(4)])
    message = reader.poll(30)
    reader.close()
    assert message is not None
    assert message.error() is None
    return message
