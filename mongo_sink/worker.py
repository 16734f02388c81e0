"""The loop of one task: from the log into the view, in an order that survives a kill anywhere."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from threading import Event as Signal
from typing import Any, NamedTuple

import httpx2
from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.schema_registry.error import SchemaRegistryError

from mongo_sink.assignment import Assignment
from mongo_sink.clients import consumer_settings, lag_of, producer_settings
from mongo_sink.config import typed
from mongo_sink.dead_letters import DeadLetterReporter, Settled
from mongo_sink.decoding import Undecodable, decoded
from mongo_sink.files_task import ModelFileSinkTask
from mongo_sink.meter import Meter
from mongo_sink.mongo_task import MongoSinkTask
from mongo_sink.positions import Place, Positions
from mongo_sink.rollups.task import RollUpSinkTask
from mongo_sink.task import Properties, SinkTask, SinkTaskContext, StoppedWaitingError
from mongo_sink.waiting import waiting
from mongo_sink.writing import Writing
from schemas.codec import Codec

LOG = logging.getLogger(__name__)
COMPANY_SECONDS = 1.0  # the longest a lone record waits for company: each batch, however small, costs a write
LAST_SECONDS = 0.25  # the same where the end is known, and nothing comes behind it
# What the registry's client raises when the registry is away: httpx2 is the HTTP library that it prefers.
REGISTRY_AWAY = (SchemaRegistryError, httpx2.TransportError)
TASKS: dict[str, type[MongoSinkTask] | type[RollUpSinkTask] | type[ModelFileSinkTask]] = {
    "MongoSinkConnector": MongoSinkTask,
    "RollUpSinkConnector": RollUpSinkTask,
    "ModelFileSinkConnector": ModelFileSinkTask,
}


class Ready(NamedTuple):
    """A batch after step 2."""

    converted: Any
    undecodable: list[Undecodable]


class Worker:
    """One task of a connector: its consumer, codec, sink task and dead letters.

    The order of durability, a batch at a time:

    1. poll a batch;
    2. decode and convert it; what is no event becomes a dead letter;
    3. write it, acknowledged (``put``, ``flush``), and have its dead letters delivered;
    4. have the view note up to where it holds the log (``pre_commit``);
    5. commit the same offsets to the group, for those who ask Kafka how far behind the view is.

    A kill between any two of these repeats work and loses none: the batch is read again from 1, every write of 3 that
    had happened finds itself done, every letter has the id it had. Where to read on is what the view says, not the
    group: one that is dropped, or restored from a backup, gets all that it lacks.

    While the steps from 3 on wait for the view's server, the next batch goes through 1 and 2, and no further.
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
        self._writing = Writing(self.consumer, self.name)
        self._registry_patiently = waiting("the schema registry", REGISTRY_AWAY, stopping)
        self._assignment = Assignment(properties, self.consumer, stopping)

    def run(self, meter: Meter) -> None:
        """Go on until told to stop; then finish the batch at hand, commit, leave the group."""
        self.open()
        topics = list(self.config.topics)
        self.consumer.subscribe(topics, on_assign=self._assigned, on_revoke=self._writing.revoked)
        try:
            while not self._stopping.is_set():
                if messages := self.poll(COMPANY_SECONDS):
                    self.take(messages)
                else:
                    self.settle()  # and hear what became of it
                self._measure(meter, messages)
            self.settle()
        except StoppedWaitingError as stopped:
            LOG.warning("%s: %s; the batch is not committed and will be read again", self.name, stopped)
        finally:
            self.close()

    @property
    def server_seconds(self) -> float:
        """How long the view's server has been at it."""
        return self._task.server_seconds

    def open(self) -> None:
        """Start the task."""
        self._task.start(self._properties)

    def claim(self) -> None:
        """Have the view say which log it is of; raises what ``Assignment.claim`` does."""
        self._assignment.claim()

    def close(self) -> None:
        """Stop the task and leave the group."""
        self._writing.close()
        self._task.stop()
        self.consumer.close()

    def poll(self, seconds: float = LAST_SECONDS) -> list[Message]:
        """Step 1: a batch, in the order of each partition, of what comes within some seconds."""
        messages, most = [], self.config.max_batch_size
        for message in self._writing.met(most) or self.consumer.consume(most, seconds):
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

    def take(self, messages: Sequence[Message], counts: Callable[[Message], bool] = lambda message: True) -> None:
        """Step 2, and the others while the next batch is polled and decoded; of one that counts, that is.

        Raises:
            StoppedWaitingError: told to stop while a server was away; the batch before is not committed.
            Exception: what else ended the writing of the batch before.
        """
        ready = self._ready([message for message in messages if counts(message)])
        held = self._writing.end()
        self._writing.begin(lambda: self._written(ready, messages))
        self.commit(held)

    def settle(self) -> None:
        """Return when what was taken is written and committed.

        Raises:
            Exception: as ``take``.
        """
        self.commit(self._writing.end())

    def deliver(self, messages: Sequence[Message]) -> None:
        """Steps 2 and 3.

        Raises:
            StoppedWaitingError: told to stop while a server was away; nothing may be committed.
        """
        self._write(self._ready(messages))

    def _written(self, ready: Ready, messages: Iterable[Message]) -> Positions:
        """Steps 3 and 4. The consumer is not for this thread: committing here, while that one polls, can hang."""
        self._write(ready)
        if not self._remembers:
            return {}
        held: dict[Place, int] = {}
        for message in messages:
            place = message.topic(), message.partition()
            held[place] = max(held.get(place, 0), message.offset() + 1)
        self._task.pre_commit(held)
        return held

    def _write(self, ready: Ready) -> None:
        for origin, value, error in ready.undecodable:
            self._reporter.report(origin, value, error)
        self._task.put(ready.converted)
        self._task.flush()
        self._reporter.flush()

    def commit(self, held: Positions) -> None:
        """Step 5."""
        if not held:
            return
        try:
            places = [TopicPartition(*place, offset) for place, offset in held.items()]
            self.consumer.commit(offsets=places, asynchronous=False)
        except KafkaException as error:
            # Taken from the group, or the coordinator is away: the batch is read again by whoever has the partition.
            LOG.warning("%s: offsets are not committed: %s", self.name, error)

    def _assigned(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        """Begin where the view says; raises what ``Assignment.begin`` does."""
        held = self._assignment.begin(self._task, places)
        consumer.assign(places)
        self.commit(held)  # a kill between 4 and 5 leaves the group behind, until something new comes, or for ever

    def _ready(self, messages: Iterable[Message]) -> Ready:
        batch = self._registry_patiently(decoded, self._codec, messages, self.config.deletes)
        return Ready(self._task.converted(batch.records), batch.undecodable)

    def _measure(self, meter: Meter, messages: Iterable[Message]) -> None:
        name = self.name
        for topic, count in Counter(message.topic() for message in messages).items():
            meter.add(name, topic, count)
        meter.lag(name, lambda: lag_of(self.consumer))
        meter.letters(name, self._reporter.count)
