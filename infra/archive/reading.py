"""What lies on the log, partition by partition."""

import time
from collections.abc import Iterator, Mapping, Sequence
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
    """Reads partitions, as no member of a group."""

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
                # Where one partition is at its end, what is asked next would wait for so long.
                "fetch.wait.max.ms": 10,
                # To begin elsewhere than asked would be to leave records out.
                "auto.offset.reset": "error",
            }
        )

    def read(self, ranges: Mapping[Place, tuple[int, int]]) -> Iterator[Message]:
        """Of each partition the messages from the first offset to before the second; partitions take turns.

        Raises:
            ArchiveError: they cannot be had.
        """
        ends = {place: end for place, (first, end) in ranges.items() if first < end}
        self._consumer.assign([TopicPartition(*place, ranges[place][0]) for place in ends])
        heard = time.monotonic()
        while ends:
            # Asked for so many, it would wait for so many; of those that are there it takes them at once.
            for message in (self._consumer.poll(1), *self._consumer.consume(_FETCHED, timeout=0)):
                if message is None:
                    continue
                heard = time.monotonic()
                place = Place(message.topic(), message.partition())
                error = message.error()
                if error and error.code() != KafkaError._PARTITION_EOF:
                    raise ArchiveError(f"{place} cannot be read ({error.str()}): see that Kafka is well, begin again.")
                end = ends.get(place)
                if end is None:
                    continue
                if not error and message.offset() < end:
                    yield message
                if error or message.offset() >= end - 1:
                    del ends[place]
            if time.monotonic() - heard > PATIENCE_S:
                silent = ", ".join(map(str, ends))
                raise ArchiveError(
                    f"{silent} gave nothing for {PATIENCE_S:.0f} s: see that Kafka is well, begin again."
                )

    def close(self) -> None:
        """Let go of the connections."""
        self._consumer.close()
