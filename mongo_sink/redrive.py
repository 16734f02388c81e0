"""Records that became dead letters, put into the views once what was wrong with the view has been mended."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from threading import Event as Signal
from typing import NamedTuple

from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from mongo_sink import whose_log
from mongo_sink.config import ConnectorConfig
from mongo_sink.dead_letters import STAGE
from mongo_sink.refusals import REFUSALS
from mongo_sink.replay import wait_until_empty
from mongo_sink.task import Properties
from mongo_sink.topic_reader import record_at, whole
from mongo_sink.worker import Worker
from schemas.codec import Codec, UndecodableRecord
from schemas.events import DeadLetter

TOPIC = "dead_letters"


class Outcome(NamedTuple):
    """What became of a letter's record in a connector's view; ``error`` is why it is refused still.

    Without one the view took it, which need not be a write: its document may be there, or one that goes before it.
    """

    letter_id: str
    connector: str
    error: str | None


def redrive(
    connectors: Sequence[Properties],
    bootstrap: str,
    registry: str,
    stopping: Signal,
    wanted: Callable[[DeadLetter], bool],
) -> Iterator[Outcome]:
    """Deliver the records of the sink's letters again, read from their own place on the log.

    They are folded as the records of their time that they are: nothing newer is overwritten where the collection's
    write strategy is a fold (docs/sink.md). No letter is written anew for what is refused again.

    Raises:
        SinkRunningError: the sink runs.
        OtherLogError: a view is of another log.
        PreparationError: a collection cannot be what the properties want it to be.
        StoppedWaitingError: told to stop while a server was away.
        KafkaException: Kafka does not answer, or the log has the record no more.
    """
    log = whose_log.log_of(AdminClient({"bootstrap.servers": bootstrap}))
    for properties in connectors:
        wait_until_empty(bootstrap, ConnectorConfig.of(properties).group)
        whose_log.check(properties, log)
    queues = {TOPIC, *(ConnectorConfig.of(properties).dead_letter_topic or TOPIC for properties in connectors)}
    letters = [letter for letter in of_sink(bootstrap, registry, queues) if wanted(letter)]
    for properties in connectors:
        topics = ConnectorConfig.of(properties).topics
        own = [letter for letter in letters if letter.origin_topic in topics]
        if own:
            yield from _redriven(
                {**properties, "errors.tolerance": "none", "mongo.errors.tolerance": "none"},
                own,
                bootstrap,
                registry,
                stopping,
            )


def of_sink(bootstrap: str, registry: str, queues: Iterable[str]) -> list[DeadLetter]:
    """The letters on these topics that the sink has written, each once, in order of their places."""
    codec = Codec(registry)
    found: dict[str, DeadLetter] = {}
    for message in (message for queue in queues for message in whole(bootstrap, queue)):
        try:
            letter: DeadLetter = codec.decode(TOPIC, message.value(), message.key())
        except UndecodableRecord:
            continue  # the sink counts it, and nobody can say what it was
        if letter.stage == STAGE:
            found.setdefault(letter.letter_id, letter)
    return sorted(found.values(), key=lambda each: (each.origin_topic, each.origin_partition, each.origin_offset))


def _redriven(
    properties: Properties, letters: Sequence[DeadLetter], bootstrap: str, registry: str, stopping: Signal
) -> Iterator[Outcome]:
    worker = Worker(properties, bootstrap, registry, stopping, remembers=False)
    worker.open()
    try:
        for letter in letters:
            error = None
            try:
                worker.deliver([record_at(worker.consumer, _place(letter))])
            except REFUSALS as refused:
                error = f"{type(refused).__name__}: {refused}"
            yield Outcome(letter.letter_id, worker.config.name, error)
    finally:
        worker.close()


def _place(letter: DeadLetter) -> TopicPartition:
    return TopicPartition(letter.origin_topic, letter.origin_partition, letter.origin_offset)
