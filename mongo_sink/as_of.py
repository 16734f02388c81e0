"""A moment of the past, by which of the log is shown what had happened until then: ``AS_OF=`` of a replay.

Moments are event time, which is what the records' timestamps say; the clock on which things were written is nowhere on
the log. A version of the global model stands for the end of its window, a record for its own moment.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from confluent_kafka import Consumer, TopicPartition

from mongo_sink.topic_reader import WAIT_SECONDS, record_at, whole
from schemas.codec import Codec, UndecodableRecord
from schemas.events import GlobalModel
from schemas.topics import TOPICS
from schemas.wire import iso

TOPIC, COMMANDS = "global_models", "model_commands"
CLOCKED = {COMMANDS, *(n for n, spec in TOPICS.items() if spec.config.get("message.timestamp.type") == "LogAppendTime")}
"""Topics whose records' timestamps are of somebody's clock: they are no moments of event time."""
_PLACE = re.compile(r"(?P<topic>\w+)/(?P<partition>\d+)/(?P<offset>\d+)")


class UnknownMomentError(ValueError):
    """What is asked for is no moment of this log."""


class Moment(NamedTuple):
    """What had happened by then.

    Attributes:
        until: ms of event time, that moment included.
        version: the newest of the global model then, 0 for none.
        ends: of some partitions, the offset behind the last record that counts. Commands have only this: what they
            say of time is the operator's clock.
    """

    until: int
    version: int
    ends: Mapping[tuple[str, int], int]

    def holds(self, topic: str, partition: int, offset: int, timestamp: int, version: int | None) -> bool:
        """Whether a record had happened; ``version`` is a model's."""
        if offset >= self.ends.get((topic, partition), offset + 1):
            return False
        if version is not None:
            return version <= self.version
        return topic == COMMANDS or timestamp <= self.until

    def __str__(self) -> str:
        return f"{iso(self.until)}, when version {self.version} was the newest"


def resolve(text: str, bootstrap: str, registry: str) -> Moment:
    """The moment that is meant.

    Args:
        text: a version; ``topic/partition/offset``; or a time, ISO 8601, UTC where it does not say.
        bootstrap: of Kafka.
        registry: of schemas.

    Raises:
        UnknownMomentError: it is none of these, or nothing on the log has that name, or nothing says when it was.
    """
    place = _PLACE.fullmatch(text)
    if place and place["topic"] in CLOCKED:
        raise UnknownMomentError(
            f"{text} is no moment of event time, for records of {place['topic']} are stamped by a clock: "
            "name the version that was the newest, or came next"
        )
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "as-of", "enable.auto.commit": False})
    try:
        models = list(_models(bootstrap, Codec(registry)))
        if text.isdigit():
            found = [model for model in models if model.version == int(text)]
            if not found:
                newest = max((model.version for model in models), default=0)
                raise UnknownMomentError(f"version {text} is not on the log: the newest is {newest}")
            return moment(models, found[0].window_end, int(text), {})
        if place:
            where = TopicPartition(place["topic"], int(place["partition"]), int(place["offset"]))
            until = _timestamp(consumer, where)
            return moment(models, until, None, {(where.topic, where.partition): where.offset + 1})
        return moment(models, _time(text), None, {})
    finally:
        consumer.close()


def moment(models: list[GlobalModel], until: int, version: int | None, ends: Mapping[tuple[str, int], int]) -> Moment:
    """What had happened until then, by the models on the log; ``version`` where it is known."""
    known = [m for m in models if m.version <= version] if version else [m for m in models if m.window_end <= until]
    newest = max(known, key=lambda model: model.version, default=None)
    commands = newest.command_offsets if newest else {}
    every = {(COMMANDS, partition): 0 for partition in range(TOPICS[COMMANDS].partitions)}
    read = {(COMMANDS, int(partition)): offset for partition, offset in commands.items()}
    return Moment(until, newest.version if newest else 0, {**every, **read, **ends})


def _models(bootstrap: str, codec: Codec) -> Iterator[GlobalModel]:
    for message in whole(bootstrap, TOPIC):
        try:
            model: Any = codec.decode(TOPIC, message.value(), message.key())
        except UndecodableRecord:
            continue  # a dead letter, which no moment is named by
        yield model


def _timestamp(consumer: Consumer, place: TopicPartition) -> int:
    name = f"{place.topic}/{place.partition}/{place.offset}"
    described = consumer.list_topics(timeout=WAIT_SECONDS).topics.get(place.topic)
    if described is None or place.partition not in described.partitions:
        raise UnknownMomentError(f"{name}: there is no such partition")
    low, high = consumer.get_watermark_offsets(TopicPartition(place.topic, place.partition), WAIT_SECONDS)
    if not low <= place.offset < high:
        raise UnknownMomentError(f"{name} is not on the log, which has {low} to {high - 1} there")
    return int(record_at(consumer, place).timestamp()[1])


def _time(text: str) -> int:
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise UnknownMomentError(
            f"{text!r} is no version, no topic/partition/offset and no time (2004-03-05T12:00)"
        ) from error
    return round((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000)
