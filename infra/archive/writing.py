"""Records onto the log, each at its offset.

Not with the project's usual producer, librdkafka's: that writes the present moment where a record's timestamp is 0.
Here the batches are our own, so each one's place is known before it is sent, and checked when it is there.
"""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from infra.archive.records import ArchiveError, Place

BATCH_BYTES = 512 * 1024
"""Of one batch, unless a single record is larger."""


class Write(NamedTuple):
    """A record as it is to lie on the log."""

    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]


class Stream(NamedTuple):
    """What a partition is still to get: the next of ``writes`` comes to lie at ``begin``."""

    place: Place
    begin: int
    writes: Iterator[Write]


def write(bootstrap: str, streams: list[Stream], advance: Callable[[object], None]) -> None:
    """Write the streams, one after the other, acknowledged by all replicas.

    Args:
        bootstrap: Kafka's address.
        streams: One for each partition.
        advance: Called with its place for each record.

    Raises:
        ArchiveError: a batch came to lie elsewhere, or not at all.
    """
    asyncio.run(_write(bootstrap, streams, advance))


async def _write(bootstrap: str, streams: list[Stream], advance: Callable[[object], None]) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, enable_idempotence=True, acks="all", max_batch_size=BATCH_BYTES
    )
    try:
        await producer.start()
        for stream in streams:
            await _write_one(producer, stream, advance)
    except KafkaError as error:
        raise ArchiveError(f"Kafka has refused a batch ({error}): see that it is well, and import again.") from error
    finally:
        await producer.stop()


async def _write_one(producer: AIOKafkaProducer, stream: Stream, advance: Callable[[object], None]) -> None:
    batch, begin, count = producer.create_batch(), stream.begin, 0
    sent: tuple[Any, int] | None = None
    for record in stream.writes:
        if not _appended(batch, record):
            await _arrived(stream.place, sent)
            sent = await producer.send_batch(batch, stream.place.topic, partition=stream.place.partition), begin
            batch, begin, count = producer.create_batch(), begin + count, 0
            _appended(batch, record)
        count += 1
        advance(stream.place)
    await _arrived(stream.place, sent)
    if count:
        last = await producer.send_batch(batch, stream.place.topic, partition=stream.place.partition)
        await _arrived(stream.place, (last, begin))


def _appended(batch: Any, record: Write) -> bool:
    """Whether a batch has taken a record; an empty one always does."""
    taken = batch.append(timestamp=record.timestamp, key=record.key, value=record.value, headers=record.headers)
    return taken is not None


async def _arrived(place: Place, sent: tuple[Any, int] | None) -> None:
    """Wait for a batch, and see that nobody else has written."""
    if sent is None:
        return
    found = (await sent[0]).offset
    if found != sent[1]:
        raise ArchiveError(
            f"{place} got offset {found} for the record of offset {sent[1]}: "
            "somebody else writes there; import into a new log, with nothing running beside."
        )
