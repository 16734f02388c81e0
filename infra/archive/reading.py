"""What lies on the log, partition by partition."""

import time
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Consumer, KafkaError, Message, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from infra.archive.records import ArchiveError, Place

PATIENCE_S = 60.0
"""For which a partition may give nothing before its end."""
_FETCHED = 1000  # messages at a time


def partitions_of(admin: AdminClient) -> dict[str, list[int]]:
    """The partitions of every topic."""
    return {name: sorted(topic.partitions) for name, topic in admin.list_topics(timeout=10).topics.items()}


def bounds(admin: AdminClient, places: Sequence[Place]) -> dict[Place, tuple[int, int]]:
    """Of each partition the first offset, and the one after the last; those of a topic noted before the next one's."""
    firsts, ends = (
        {
            Place(asked.topic, asked.partition): answer.result().offset
            for _, of_topic in groupby(places, attrgetter("topic"))
            for asked, answer in admin.list_offsets({TopicPartition(*place): spec for place in of_topic}).items()
        }
        for spec in (OffsetSpec.earliest(), OffsetSpec.latest())
    )
    return {place: (firsts[place], ends[place]) for place in places}


def timestamp_of(message: Message) -> int:
    """A record's timestamp in ms; -1 where it has none."""
    kind, timestamp = message.timestamp()
    return -1 if kind == TIMESTAMP_NOT_AVAILABLE else timestamp


class LogReader:
    """Reads partitions, one after the other, as no member of a group."""

    def __init__(self, bootstrap: str) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "archive",
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                # What a transaction has taken back is no event, and would be one after an import.
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
                # To begin elsewhere than asked would be to leave records out.
                "auto.offset.reset": "error",
            }
        )

    def read(self, place: Place, first: int, end: int) -> Iterator[Message]:
        """The messages from ``first`` to before ``end``.

        Raises:
            ArchiveError: they cannot be had.
        """
        if first >= end:
            return
        self._consumer.assign([TopicPartition(*place, first)])
        heard = time.monotonic()
        while time.monotonic() - heard < PATIENCE_S:
            for message in self._consumer.consume(_FETCHED, timeout=1):
                heard = time.monotonic()
                if error := message.error():
                    if error.code() == KafkaError._PARTITION_EOF:
                        return
                    raise ArchiveError(f"{place} cannot be read ({error.str()}): see that Kafka is well, begin again.")
                if message.offset() < end:
                    yield message
                if message.offset() >= end - 1:
                    return
        raise ArchiveError(f"{place} has given nothing for {PATIENCE_S:.0f} s: see that Kafka is well, begin again.")

    def close(self) -> None:
        """Let go of the connections."""
        self._consumer.close()
