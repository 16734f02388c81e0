"""The loop of one task: from the log into the view, in an order that survives a kill anywhere."""

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from threading import Event as Signal
from typing import Any

import httpx2
from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.schema_registry.error import SchemaRegistryError

from mongo_sink.config import typed
from mongo_sink.dead_letters import DeadLetterReporter, Settled
from mongo_sink.files_task import ModelFileSinkTask
from mongo_sink.meter import Meter
from mongo_sink.mongo_task import MongoSinkTask
from mongo_sink.positions import Positions
from mongo_sink.task import Properties, SinkRecord, SinkTask, SinkTaskContext, StoppedWaitingError
from mongo_sink.waiting import waiting
from schemas.codec import Codec, UndecodableRecord
from schemas.wire import Origin, is_mark

LOG = logging.getLogger(__name__)
POLL_SECONDS = 0.25  # the longest a lone record waits for company
# What the registry's client raises when the registry is away: httpx2 is the HTTP library that it prefers.
REGISTRY_AWAY = (SchemaRegistryError, httpx2.TransportError)
ANSWER_SECONDS = 10.0
Undecodable = tuple[Origin, bytes, UndecodableRecord]
TASKS: dict[str, type[MongoSinkTask] | type[ModelFileSinkTask]] = {
    "MongoSinkConnector": MongoSinkTask,
    "ModelFileSinkConnector": ModelFileSinkTask,
}


class AheadOfLogError(RuntimeError):
    """A view holds more than there is on the log."""


class Worker:
    """One task of a connector: its consumer, codec, sink task and dead letters.

    The order of durability, a batch at a time:

    1. poll a batch;
    2. decode it; what is no event becomes a dead letter;
    3. write it, acknowledged (``put``, ``flush``), and have its dead letters delivered;
    4. have the view note up to where it holds the log (``pre_commit``);
    5. commit the same offsets to the group, for those who ask Kafka how far behind the view is.

    A kill between any two of these repeats work and loses none: the batch is read again from 1, every write of 3 that
    had happened finds itself done, every letter has the id it had. Where to read on is what the view says, not the
    group: one that is dropped, or restored from a backup, gets all that it lacks.
    """

    def __init__(
        self,
        properties: Properties,
        bootstrap: str,
        registry: str,
        stopping: Signal,
        *,
        task: int = 0,
        settled: Settled | None = None,
        eof: bool = False,
        remembers: bool = True,
    ) -> None:
        """Bind what it works with.

        Args:
            properties: the connector's.
            bootstrap: of Kafka.
            registry: of schemas.
            stopping: set when it is to end.
            task: its number.
            settled: where letters are on the log already (``DeadLetterReporter``).
            eof: whether to note in ``ends`` where partitions end.
            remembers: whether steps 4 and 5 are done; a view of the past is not gone on from.
        """
        self._properties = properties
        self.config = typed(properties)
        self.name = f"{self.config.name}-{task}"
        self.consumer = Consumer(consumer_settings(bootstrap, self.config.group) | {"enable.partition.eof": eof})
        self.ends: dict[tuple[str, int], int] = {}  # where the end of each partition was met, if ``eof``
        self._codec = Codec(registry)
        self._stopping = stopping
        self._remembers = remembers
        self._reporter = DeadLetterReporter(
            self.config, self._codec, lambda: Producer(producer_settings(bootstrap)), settled, task
        )
        context = SinkTaskContext(self._reporter.report, stopping)
        self._task: SinkTask = TASKS[self.config.connector_class](context)
        self._registry_patiently = waiting("the schema registry", REGISTRY_AWAY, stopping)
        self._kafka_patiently = waiting("Kafka", (KafkaException,), stopping)

    def run(self, meter: Meter) -> None:
        """Go on until told to stop; then finish the batch at hand, commit, leave the group."""
        self.open()
        self.consumer.subscribe(list(self.config.topics), on_assign=self._assigned)
        try:
            while not self._stopping.is_set():
                if messages := self.poll():
                    self.deliver(messages)
                    self.commit(messages)
                self._measure(meter, messages)
        except StoppedWaitingError as stopped:
            LOG.warning("%s: %s; the batch is not committed and will be read again", self.name, stopped)
        finally:
            self.close()

    def open(self) -> None:
        """Start the task."""
        self._task.start(self._properties)

    def close(self) -> None:
        """Stop the task and leave the group."""
        self._task.stop()
        self.consumer.close()

    def poll(self) -> list[Message]:
        """Step 1: a batch, in the order of each partition."""
        messages = []
        for message in self.consumer.consume(self.config.max_batch_size, POLL_SECONDS):
            error = message.error()
            if error is None:
                messages.append(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                self.ends[message.topic(), message.partition()] = message.offset()
            elif error.fatal():
                raise KafkaException(error)
            else:  # a topic that is not there yet, a leader that moves: the client tries again by itself
                LOG.warning("%s: %s", self.name, error.str())
        return messages

    def deliver(self, messages: Sequence[Message]) -> None:
        """Steps 2 and 3.

        Raises:
            StoppedWaitingError: told to stop while a server was away; nothing may be committed.
        """
        records, undecodable = self._registry_patiently(self._decode, messages)
        for origin, value, error in undecodable:
            self._reporter.report(origin, value, error)
        self._task.put(records)
        self._task.flush()
        self._reporter.flush()

    def commit(self, messages: Iterable[Message]) -> None:
        """Steps 4 and 5.

        Raises:
            StoppedWaitingError: told to stop while the view's server was away.
        """
        if not self._remembers:
            return
        after = {(message.topic(), message.partition()): message.offset() + 1 for message in messages}
        self._task.pre_commit(after)
        self._tell_group(after)

    def _tell_group(self, offsets: Positions) -> None:
        try:
            places = [TopicPartition(*place, offset) for place, offset in offsets.items()]
            self.consumer.commit(offsets=places, asynchronous=False)
        except KafkaException as error:
            # Taken from the group, or the coordinator is away: the batch is read again by whoever has the partition.
            LOG.warning("%s: offsets are not committed: %s", self.name, error)

    def _assigned(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        """Begin where the view says.

        Raises:
            AheadOfLogError: it holds what this log does not: it is another log's.
        """
        held = self._task.open([(place.topic, place.partition) for place in places])
        for place in places:
            place.offset = held.get((place.topic, place.partition), OFFSET_BEGINNING)
            _, end = self._kafka_patiently(consumer.get_watermark_offsets, place, ANSWER_SECONDS)
            if place.offset > end:
                where = f"{place.topic}/{place.partition}"
                raise AheadOfLogError(
                    f"{self.config.name}: the view holds {where} up to {place.offset}, and the log ends at {end}: "
                    "it is a view of another log; drop it with a replay, or give the connector another database"
                )
        consumer.assign(places)
        if held:  # a kill between 4 and 5 leaves the group behind, until something new comes, or for ever
            self._tell_group(held)

    def _decode(self, messages: Iterable[Message]) -> tuple[list[SinkRecord], list[Undecodable]]:
        records: list[SinkRecord] = []
        undecodable: list[Undecodable] = []
        for message in messages:
            key, value = message.key(), message.value() or b""
            origin = Origin(message.topic(), message.partition(), message.offset(), key, message.timestamp()[1])
            if message.value() is None and self.config.deletes(origin.topic):
                records.append(SinkRecord(origin, value, None))
                continue
            if is_mark(message.topic(), message.value()):
                continue
            try:
                records.append(SinkRecord(origin, value, self._codec.decode(origin.topic, value, key)))
            except UndecodableRecord as error:
                undecodable.append((origin, value, error))
        return records, undecodable

    def _measure(self, meter: Meter, messages: Iterable[Message]) -> None:
        name = self.name
        for topic, count in Counter(message.topic() for message in messages).items():
            meter.add(name, topic, count)
        meter.lag(name, lag_of(self.consumer))
        meter.letters(name, self._reporter.count)


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
    return {"bootstrap.servers": bootstrap, "acks": "all", "enable.idempotence": True, "linger.ms": 5}
