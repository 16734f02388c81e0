"""Step 2: from what a consumer has polled to records, and to what is none."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from confluent_kafka import Message

from mongo_sink.task import SinkRecord
from schemas.codec import Codec, UndecodableRecord
from schemas.wire import Origin, is_mark, written_at

Undecodable = tuple[Origin, bytes, UndecodableRecord]


class Decoded(NamedTuple):
    """The records of a batch, and what could not be decoded."""

    records: list[SinkRecord]
    undecodable: list[Undecodable]


def decoded(codec: Codec, messages: Iterable[Message], deletes: Callable[[str], bool]) -> Decoded:
    """The batch, decoded.

    Args:
        codec: of the log.
        messages: as polled, without errors.
        deletes: whether a tombstone of a topic says something; others are as undecodable as any empty value.

    Raises:
        SchemaRegistryError, httpx2.TransportError: the registry is away.
    """
    batch = Decoded([], [])
    for message in messages:
        key, value = message.key(), message.value()
        place = message.topic(), message.partition(), message.offset()
        origin = Origin(*place, key, message.timestamp()[1], written_at(message.headers()))
        # A mark of the watermark has no key, and so there is nothing that it could delete.
        if value is None and deletes(origin.topic) and not (key is None and is_mark(origin.topic, value)):
            batch.records.append(SinkRecord(origin, b"", None))
        elif not is_mark(origin.topic, value):
            try:
                batch.records.append(SinkRecord(origin, value or b"", codec.row(origin.topic, value, key)))
            except UndecodableRecord as error:
                batch.undecodable.append((origin, value or b"", error))
    return batch
