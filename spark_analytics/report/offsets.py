"""Which part of the log a page is made from."""

from collections.abc import Sequence
from typing import NamedTuple

from confluent_kafka import Consumer, TopicPartition

from schemas.topics import TOPICS
from spark_analytics.report.command import Ends, OptionError

ANSWER_S = 10


class Stretch(NamedTuple):
    """Offsets of a partition: the first, and the one after the last."""

    start: int
    end: int


Stretches = dict[str, dict[int, Stretch]]
"""By topic and partition."""


def stretches(bootstrap: str, topics: Sequence[str], ends: Ends) -> Stretches:
    """What there is of topics now, or up to ``ends``.

    Raises:
        OptionError: there is less, or ``ends`` has a topic or partition that is none of these.
        KafkaException: Kafka does not answer.
    """
    known = {(topic, p) for topic in topics for p in range(TOPICS[topic].partitions)}
    if odd := {(topic, p) for topic, own in ends.items() for p in own} - known:
        raise OptionError(f"no part of a page is {', '.join(f'{topic}:{p}' for topic, p in sorted(odd))}")
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "spark-report", "enable.auto.commit": False})
    try:
        found: Stretches = {}
        for topic in topics:
            wanted = ends.get(topic, {})
            for partition in range(TOPICS[topic].partitions):
                low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=ANSWER_S)
                end = wanted.get(partition, high)
                if not low <= end <= high:
                    raise OptionError(f"{topic}/{partition} has offsets {low} to {high}, not {end}")
                found.setdefault(topic, {})[partition] = Stretch(low, end)
        return found
    finally:
        consumer.close()
