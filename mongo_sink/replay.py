"""A view deleted and rebuilt from the log, by the tasks that keep it."""

import logging
import time
from collections.abc import Iterator, Sequence
from threading import Event as Signal
from typing import NamedTuple

from confluent_kafka import Consumer, Message, TopicPartition
from confluent_kafka.admin import AdminClient
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from mongo_sink import views
from mongo_sink.as_of import TOPIC as MODELS
from mongo_sink.as_of import Moment
from mongo_sink.clients import consumer_settings
from mongo_sink.config import ConnectorConfig
from mongo_sink.progress import progress
from mongo_sink.task import Properties, StoppedWaitingError
from mongo_sink.waiting import waiting
from mongo_sink.worker import Worker
from mongo_sink.writes import TRANSIENT

LOG = logging.getLogger(__name__)
ANSWER_SECONDS = 30.0
SESSION_SECONDS = 15.0  # a killed sink's session ends within 10


class SinkRunningError(RuntimeError):
    """The sink that keeps the view is running: the two would write into each other's work."""


class Span(NamedTuple):
    """What of a partition is to be read: ``start`` up to but not with ``end``; ``committed`` is where the sink was."""

    topic: str
    partition: int
    start: int
    end: int
    committed: int


class Rebuilt(NamedTuple):
    """How many records were read in how many seconds, and for how many of them the views' server was at it."""

    records: int
    seconds: float
    server_seconds: float

    def __str__(self) -> str:
        """For a person."""
        rate, share = self.records / self.seconds, self.server_seconds / self.seconds
        return (
            f"{self.records:,} records in {self.seconds:.1f} s, {rate:,.0f}/s; "
            f"the server was at it for {self.server_seconds:.1f} s of them ({share:.0%})"
        )


def replay(connectors: Sequence[Properties], bootstrap: str, registry: str, stopping: Signal) -> Rebuilt:
    """Rebuild what the connectors keep.

    1. make sure that nobody runs in the connectors' groups;
    2. note the ends of their topics;
    3. delete the view, what it says of its positions first: from here on an interruption leaves a sink that rebuilds
       the view by itself;
    4. read up to the ends; the view notes its positions batch by batch, as it does for the sink.

    Raises:
        SinkRunningError: a group has members.
        StoppedWaitingError: told to stop before the ends were reached.
    """
    for properties in connectors:
        wait_until_empty(bootstrap, ConnectorConfig.of(properties).group)
    spans = [spans_of(properties, bootstrap) for properties in connectors]
    return build(connectors, spans, bootstrap, registry, stopping)


def build(
    connectors: Sequence[Properties],
    spans: Sequence[Sequence[Span]],
    bootstrap: str,
    registry: str,
    stopping: Signal,
    *,
    apart: bool = False,
    moment: Moment | None = None,
    title: str = "replay",
) -> Rebuilt:
    """Steps 3 and 4.

    Args:
        connectors: whose views are built, where their properties say.
        spans: of each connector, what it reads.
        bootstrap: of Kafka.
        registry: of schemas.
        stopping: set when it is to end.
        apart: whether the view is one beside the sink's: then no letter is written and no position noted.
        moment: up to which things had happened that count; ``None``: all.
        title: of the progress that is shown.

    Raises:
        StoppedWaitingError: told to stop before the ends were reached.
    """
    total = sum(span.end - span.start for each in spans for span in each)
    began, server = time.monotonic(), 0.0
    with progress(title, total) as advance:
        for properties, own in zip(connectors, spans, strict=True):
            settled = {(span.topic, span.partition): span.end if apart else span.committed for span in own}
            worker = Worker(
                *(properties, bootstrap, registry, stopping), settled=settled, eof=True, remembers=not apart
            )
            waiting("MongoDB", TRANSIENT, stopping)(views.clear, properties)
            worker.open()
            try:
                if not apart:
                    worker.claim()
                for read in _batches(worker, own, stopping, moment):
                    advance(worker.name, read)
            finally:
                worker.close()
            server += worker.server_seconds
    return Rebuilt(total, time.monotonic() - began, server)


def spans_of(properties: Properties, bootstrap: str) -> list[Span]:
    """The whole of the connector's topics as they are now.

    Raises:
        KafkaException: Kafka does not answer.
    """
    config = ConnectorConfig.of(properties)
    consumer = Consumer(consumer_settings(bootstrap, config.group))
    try:
        found = []
        for topic in config.topics:
            described = consumer.list_topics(topic, ANSWER_SECONDS).topics[topic]
            places = [TopicPartition(topic, partition) for partition in described.partitions]
            for place in consumer.committed(places, ANSWER_SECONDS) if places else []:
                start, end = consumer.get_watermark_offsets(TopicPartition(topic, place.partition), ANSWER_SECONDS)
                found.append(Span(topic, place.partition, start, end, max(place.offset, 0)))
        return found
    finally:
        consumer.close()


def _batches(worker: Worker, spans: Sequence[Span], stopping: Signal, moment: Moment | None) -> Iterator[int]:
    """Take the spans; yields how many records each batch was."""
    left = {(span.topic, span.partition): span.end for span in spans if span.end > span.start}
    worker.consumer.assign([TopicPartition(s.topic, s.partition, s.start) for s in spans if s.end > s.start])
    while left:
        if stopping.is_set():
            raise StoppedWaitingError("stopped; the sink will rebuild the rest when it is started")
        polled = worker.poll()
        messages = [message for message in polled if message.offset() < left.get(_place(message), 0)]
        if messages:
            worker.take(messages, lambda message: moment is None or _held(moment, message))
            yield len(messages)
        # The last offset of a span need not be a record: a transaction's marker has one too. Then the end tells.
        reached = worker.ends | {_place(message): message.offset() + 1 for message in polled}
        for place in [place for place, end in left.items() if reached.get(place, 0) >= end]:
            del left[place]
            worker.consumer.incremental_unassign([TopicPartition(*place)])
    worker.settle()


def _held(moment: Moment, message: Message) -> bool:
    version = _version(message) if message.topic() == MODELS else None
    return moment.holds(message.topic(), message.partition(), message.offset(), message.timestamp()[1], version)


def _version(message: Message) -> int | None:
    """What a model's header says; where it says nothing of the kind, the record's timestamp has to do."""
    try:
        return int(dict(message.headers() or []).get("version") or b"")
    except ValueError:
        return None


def _place(message: Message) -> tuple[str, int]:
    return message.topic(), message.partition()


def wait_until_empty(bootstrap: str, group: str) -> None:
    """Return when nobody is in a group.

    Raises:
        SinkRunningError: somebody still is after a session's time.
    """
    admin = AdminClient({"bootstrap.servers": bootstrap})

    def look() -> None:
        described = admin.describe_consumer_groups([group])[group].result(ANSWER_SECONDS)
        if described.members:
            raise SinkRunningError(f"{group} has {len(described.members)} member(s): stop the sink first")

    Retrying(
        retry=retry_if_exception_type(SinkRunningError),
        stop=stop_after_delay(SESSION_SECONDS),
        wait=wait_fixed(1),
        reraise=True,
    )(look)
