"""Records of the log: between two offsets, from a moment on, or at their places."""

import time
from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType
from typing import NamedTuple, Self

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from aggregator_stream.lineage.evidence import Place, Record
from schemas.codec import Codec, UndecodableRecord
from schemas.topics import TOPICS
from schemas.wire import is_mark

PATIENCE_S = 30.0
"""How long Kafka may take for the next record (s)."""
NEAR = 100
"""Records between two wanted ones that are rather read than jumped over."""

Bounds = Mapping[int, tuple[int, int]]
"""By partition the first offset, and the one behind the last."""


class Span(NamedTuple):
    """Offsets of a partition, ``last`` included."""

    partition: int
    first: int
    last: int


class Log:
    """Reads records over one connection, which ends with the ``with`` block."""

    def __init__(self, bootstrap: str, registry: str) -> None:
        self._codec = Codec(registry)
        options = {
            "bootstrap.servers": bootstrap,
            "group.id": "lineage",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "error",
            # A fetch that waits at the end of a partition holds up the next one, wherever that is to begin.
            "fetch.wait.max.ms": 10,
            "log_level": 0,
        }
        self._consumer = Consumer(options)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._consumer.close()

    def bounds(self, topic: str, partitions: Iterable[int] | None = None) -> dict[int, tuple[int, int]]:
        """What partitions have now, without naming some all of them; those that a topic lacks are left out.

        Raises:
            KafkaException: it cannot be asked.
        """
        there = range(TOPICS[topic].partitions)
        asked = there if partitions is None else [p for p in partitions if p in there]
        return {p: self._consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=10) for p in asked}

    def since(self, topic: str, moment: int) -> dict[int, tuple[int, int]]:
        """The same from the first record on whose timestamp is not before ``moment``, ms.

        Raises:
            KafkaException: it cannot be asked.
        """
        bounds = self.bounds(topic)
        asked = [TopicPartition(topic, p, max(moment, 0)) for p in bounds]
        first = {part.partition: part.offset for part in self._consumer.offsets_for_times(asked, timeout=10)}
        # Where no record is as new, the answer is a negative number.
        return {p: (first[p] if first[p] >= 0 else high, high) for p, (_, high) in bounds.items()}

    def messages(self, topic: str, bounds: Bounds) -> Iterator[Message]:
        """The records within bounds that are there, each partition in its order.

        Raises:
            KafkaException: they cannot be read.
            TimeoutError: they do not come.
        """
        there = self.bounds(topic, bounds)
        wanted = {p: (max(bounds[p][0], low), min(bounds[p][1], high)) for p, (low, high) in there.items()}
        left = {p: end for p, (begin, end) in wanted.items() if begin < end}
        self._consumer.assign([TopicPartition(topic, p, wanted[p][0]) for p in left])
        try:
            while left:
                message = self._next(topic)
                partition = message.partition()
                end = left.get(partition, 0)
                if message.error() or message.offset() >= end - 1:
                    left.pop(partition, None)
                if not message.error() and message.offset() < end:
                    yield message
        finally:
            self._consumer.unassign()

    def _next(self, topic: str) -> Message:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            message: Message | None = self._consumer.poll(1)
            if message is None:
                continue
            if message.error() and message.error().code() != KafkaError._PARTITION_EOF:
                raise KafkaException(message.error())
            return message
        raise TimeoutError(f"records of {topic} did not come within {PATIENCE_S:.0f} s")

    def record(self, message: Message) -> Record:
        """The event in a message, or what is there instead."""
        topic, value = message.topic(), message.value()
        place = Place(topic, message.partition(), message.offset())
        if is_mark(topic, value):
            return Record(place, message.key(), None, "a mark of the watermark")
        try:
            return Record(place, message.key(), self._codec.decode(topic, value))
        except UndecodableRecord as error:
            return Record(place, message.key(), None, f"{type(error).__name__}: {error}")

    def at(self, topic: str, places: Iterable[Place]) -> dict[Place, Record]:
        """What lies at each of the places of a topic.

        Raises:
            KafkaException, TimeoutError: as ``messages``.
        """
        wanted = set(places)
        found = {place: Record(place, None, None, "no record") for place in wanted}
        for span in joined((Span(place.partition, place.offset, place.offset) for place in wanted), NEAR):
            for message in self.messages(topic, {span.partition: (span.first, span.last + 1)}):
                place = Place(topic, message.partition(), message.offset())
                if place in wanted:
                    found[place] = self.record(message)
        return found


def joined(spans: Iterable[Span], near: int) -> list[Span]:
    """The same offsets in fewer spans, with those between two that are ``near`` to each other."""
    made: list[Span] = []
    for span in sorted(spans):
        if made and made[-1].partition == span.partition and span.first <= made[-1].last + near:
            made[-1] = made[-1]._replace(last=max(made[-1].last, span.last))
        else:
            made.append(span)
    return made
