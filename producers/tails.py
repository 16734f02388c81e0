"""What the log holds already, read from its ends."""

import logging
import time
from collections.abc import Iterator

from confluent_kafka import OFFSET_END, Consumer, KafkaException, Message, TopicPartition
from tenacity import Retrying, before_sleep_log, retry_if_exception_type, stop_after_delay, wait_fixed

from producers.resume import Tail
from schemas.codec import Codec, UndecodableRecord
from schemas.events import DeadLetter, FleetInsight, Reading
from schemas.log_lines import handling
from schemas.positions import KIND, Placing, placings
from schemas.wire import place_id

PATIENCE = 60.0  # seconds to wait for the broker and for the topics
SETTLED = 0.5  # seconds without a new record after which nothing of a killed predecessor is under way any more
_BATCH = 500  # records asked for at a time
_TIMEOUT = 10.0  # seconds for one answer
_PLACED = ("kind", KIND.encode())  # a header of those that say where a device is
_log = logging.getLogger(__name__)


class MissingTopicError(RuntimeError):
    """A topic has not been created; the producer does not guess its configuration."""


class BusyTopicError(RuntimeError):
    """Somebody else is writing readings."""


class LogReader:
    """Reads single stretches of topics; belongs to no group and commits nothing."""

    def __init__(self, bootstrap: str, codec: Codec) -> None:
        self._codec = codec
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "producers",
                "enable.auto.commit": False,
                # At the end of one partition the broker would keep the next one waiting for half a second.
                "fetch.wait.max.ms": 10,
            },
            logger=_log,
        )

    def close(self) -> None:
        """Give back the connections."""
        self._consumer.close()

    def partitions(self, topic: str) -> int:
        """How many partitions a topic has; waits for broker and topic for a while.

        Raises:
            MissingTopicError: it is not there.
            KafkaException: the broker does not answer.
        """
        for attempt in Retrying(
            stop=stop_after_delay(PATIENCE),
            wait=wait_fixed(1.0),
            retry=retry_if_exception_type((KafkaException, MissingTopicError)),
            before_sleep=before_sleep_log(_log, logging.INFO),
            reraise=True,
        ):
            with attempt:
                known = self._consumer.list_topics(timeout=_TIMEOUT).topics  # naming the topic might create it
                if topic not in known or not known[topic].partitions:
                    raise MissingTopicError(f"the log has no topic {topic}; `make up` creates it")
        return len(known[topic].partitions)

    def tails(self, topic: str) -> list[Tail]:
        """The last replayed reading of every partition that has one.

        Raises:
            BusyTopicError: the topic keeps growing.
        """
        ends = self._settled(topic)
        tails = (self._tail(topic, partition, low, end) for partition, (low, end) in enumerate(ends))
        return [tail for tail in tails if tail is not None]

    def letter_ids(self, topic: str, prefix: str, since: int) -> set[str]:
        """Ids with a prefix of the dead letters from the first one not older than ``since`` (ms) on."""
        asked = [TopicPartition(topic, partition, since) for partition in range(self.partitions(topic))]
        found: set[str] = set()
        for place in self._consumer.offsets_for_times(asked, timeout=_TIMEOUT):
            if place.error:
                raise KafkaException(place.error)
            if place.offset == OFFSET_END:
                continue
            _, end = self._ends(topic, place.partition)
            for message in self._read(topic, place.partition, place.offset, end):
                letter = self._event(message)
                if isinstance(letter, DeadLetter) and letter.letter_id.startswith(prefix):
                    found.add(letter.letter_id)
        return found

    def placings(self, topic: str) -> dict[str, Placing]:
        """The newest placing of every device; what is none by its header is not decoded."""
        found = (self._event(message) for message in self._whole(topic) if _PLACED in (message.headers() or ()))
        return placings(event for event in found if isinstance(event, FleetInsight))

    def _whole(self, topic: str) -> Iterator[Message]:
        """All records that are there."""
        for partition in range(self.partitions(topic)):
            yield from self._read(topic, partition, *self._ends(topic, partition))

    def _tail(self, topic: str, partition: int, low: int, end: int) -> Tail | None:
        """Reads backwards in growing blocks: the last record may be something that is no replayed reading."""
        block = 16
        while end > low:
            start = max(low, end - block)
            for message in reversed(list(self._read(topic, partition, start, end))):
                event = self._event(message)
                if isinstance(event, Reading) and event.position >= 0:
                    return Tail(partition, event.position, event.device_id, event.event_time, event.dataset)
            end, block = start, block * 8
        return None

    def _event(self, message: Message) -> object:
        """The event in a record; ``None`` for what is none, which is the business of those who consume the topic."""
        try:
            return self._codec.decode(message.topic(), message.value())
        except UndecodableRecord as error:
            with handling(place_id(message.topic(), message.partition(), message.offset())):
                _log.warning("skipping %s/%s/%s: %s", message.topic(), message.partition(), message.offset(), error)
            return None

    def _read(self, topic: str, partition: int, start: int, end: int) -> Iterator[Message]:
        """The records with offsets from ``start`` to ``end`` (exclusive)."""
        self._consumer.assign([TopicPartition(topic, partition, start)])
        patience = time.monotonic() + PATIENCE
        try:
            while True:
                place = self._consumer.position([TopicPartition(topic, partition)])[0].offset
                if max(place, start) >= end:
                    return
                if time.monotonic() > patience:
                    raise TimeoutError(f"{topic}/{partition}: offset {max(place, start)} of {end} for {PATIENCE:.0f} s")
                for message in self._consumer.consume(min(_BATCH, end - max(place, start)), timeout=1.0):
                    if message.error():
                        raise KafkaException(message.error())
                    patience = time.monotonic() + PATIENCE
                    if message.offset() < end:
                        yield message
        finally:
            self._consumer.unassign()

    def _ends(self, topic: str, partition: int) -> tuple[int, int]:
        """First offset and end of a partition."""
        answer = self._consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=_TIMEOUT)
        if answer is None:
            raise TimeoutError(f"no answer on the ends of {topic}/{partition} within {_TIMEOUT:.0f} s")
        return answer

    def _settled(self, topic: str) -> list[tuple[int, int]]:
        """The ends of all partitions once they stand still.

        What a killed predecessor had sent may reach the log after its death; two producers at a time would break it.
        """
        partitions = range(self.partitions(topic))
        before: list[tuple[int, int]] = []
        patience = time.monotonic() + PATIENCE / 4
        while time.monotonic() < patience:
            now = [self._ends(topic, partition) for partition in partitions]
            if now == before:
                return now
            before = now
            time.sleep(SETTLED)
        raise BusyTopicError(f"{topic} keeps growing: another producer runs; stop it first")
