"""An operator's command on its way: written to ``model_commands``, and what came of it awaited."""

import time
import uuid
from collections.abc import Iterator

from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition

from aggregator_stream.history import bounds
from schemas.codec import Codec, UndecodableRecord
from schemas.events import DeadLetter, GlobalModel, ModelCommand
from schemas.topics import PARTITIONS

ANSWERS = ("global_models", "dead_letters")


class RefusedError(RuntimeError):
    """The aggregator did not obey, and says why."""


def issue(bootstrap: str, registry: str, command: ModelCommand, patience_s: float) -> GlobalModel:
    """Write ``command``; return the event that it led to.

    Raises:
        RefusedError: it could not be obeyed.
        TimeoutError: nobody answered within ``patience_s``; the command stands on the log.
        KafkaException: it could not be written.
    """
    codec = Codec(registry)
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "commanding", "enable.auto.commit": False})
    try:
        places = [(topic, partition) for topic in ANSWERS for partition in range(PARTITIONS)]
        # From here on: what was on the log before the command is no answer to it.
        consumer.assign([TopicPartition(*place, bounds(consumer, *place)[1]) for place in places])
        partition, offset = _write(bootstrap, codec, command)
        for message in _messages(consumer, patience_s):
            try:
                answer = codec.decode(message.topic(), message.value())
            except UndecodableRecord:
                continue
            if isinstance(answer, GlobalModel) and command.command_id in {d.by for d in answer.decisions}:
                return answer
            place = ("model_commands", partition, offset)
            if isinstance(answer, DeadLetter) and place == answer[2:5]:
                raise RefusedError(answer.error_message)
        raise TimeoutError(f"no answer to {command.command_id} within {patience_s:.0f} s: does the aggregator run?")
    finally:
        consumer.close()


def command(action: str, version: int, reason: str) -> ModelCommand:
    """A command of this moment."""
    return ModelCommand(uuid.uuid4().hex, "fleet", action, version, reason, int(time.time() * 1000))


def _write(bootstrap: str, codec: Codec, command: ModelCommand) -> tuple[int, int]:
    """Partition and offset of the command, once Kafka has acknowledged it."""
    written: list[tuple[int, int]] = []

    def acknowledged(error: object, message: Message) -> None:
        if error is None:
            written.append((message.partition(), message.offset()))

    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all", "delivery.timeout.ms": 30_000})
    record = codec.encode(command)
    producer.produce(
        record.topic,
        record.value,
        record.key,
        headers=list(record.headers),
        timestamp=record.timestamp,
        on_delivery=acknowledged,
    )
    producer.flush(35)
    if not written:
        raise KafkaException(f"{command.command_id} was not acknowledged")
    return written[0]


def _messages(consumer: Consumer, patience_s: float) -> Iterator[Message]:
    deadline = time.monotonic() + patience_s
    while (left := deadline - time.monotonic()) > 0:
        message = consumer.poll(left)
        if message is None:
            return
        if message.error():
            raise KafkaException(message.error())
        yield message
