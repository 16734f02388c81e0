"""Looking at the log: model versions from headers, events as JSON lines."""

import base64
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import click
from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from infra.settings import Settings
from schemas.codec import Codec, UndecodableRecord
from schemas.topics import TOPICS
from schemas.wire import is_mark

MOMENTS = frozenset(
    (
        *("event_time", "adopted_at", "closed_at", "window_start", "window_end", "issued_at"),
        *("made_at", "target_at", "origin_timestamp", "start", "end"),
    )
)


def models(settings: Settings) -> None:
    """Print key and headers of every ``global_models`` record: with kcat where it is, else in kcat's form."""
    form = "%k %h\\n"
    if kcat := shutil.which("kcat"):
        argv = [kcat, "-b", settings.bootstrap, "-t", "global_models", "-C", "-e", "-q", "-f", form]
        sys.exit(subprocess.run(argv, check=False).returncode)
    click.echo("kcat is not installed; this is what it would print:", err=True)
    for message in read(settings, "global_models", last=None, follow=False):
        headers = ",".join(f"{name}={value.decode()}" for name, value in message.headers() or [])
        click.echo(f"{message.key().decode()} {headers}")


def tail(
    settings: Settings,
    topic: str,
    follow: bool,
    last: int | None,
    device: str | None = None,
    since: datetime | None = None,
) -> None:
    """Print a topic's events as JSON lines, oldest first within a partition; what is not an event says why.

    Args:
        settings: of the system whose log it is.
        topic: its name.
        follow: whether to wait for more at the end.
        last: how many records of each partition to begin with; ``None``: all.
        device: print only records with this key.
        since: print only records of this moment of event time or later.
    """
    if topic not in TOPICS:
        raise click.ClickException(f"no topic {topic}: there are {', '.join(TOPICS)}")
    codec, key = Codec(settings.registry), device.encode() if device else None
    begin = int(since.timestamp() * 1000) if since else None
    for message in read(settings, topic, last, follow, begin):
        if is_mark(topic, message.value()) or (key and message.key() != key):
            continue
        if begin is not None and message.timestamp()[1] < begin:
            continue
        try:
            shown = readable(codec.decode(topic, message.value()))
        except UndecodableRecord as error:
            shown = {"undecodable": f"{type(error).__name__}: {error}"}
        shown["_log"] = {"partition": message.partition(), "offset": message.offset()}
        click.echo(json.dumps(shown, ensure_ascii=False))


def readable(value: Any) -> Any:
    """An event as JSON: moments in ISO 8601, bytes as their length and beginning."""
    if hasattr(value, "_asdict"):
        fields = value._asdict().items()
        return {n: _moment(v) if n in MOMENTS and v is not None else readable(v) for n, v in fields}
    if isinstance(value, bytes):
        return {"bytes": len(value), "base64": base64.b64encode(value[:48]).decode()}
    if isinstance(value, tuple | list):
        return [readable(item) for item in value]
    return value


def _moment(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")


def read(settings: Settings, topic: str, last: int | None, follow: bool, since: int | None = None) -> Iterator[Message]:
    """The messages of a topic, to the end now or for ever.

    Args:
        settings: of the system whose log it is.
        topic: its name.
        last: how many of each partition; ``None``: all.
        follow: whether to wait for more at the end.
        since: ms; none is left out that is of this moment or later, others may come too.

    Raises:
        ClickException: Kafka does not answer.
    """
    consumer = Consumer({"bootstrap.servers": settings.bootstrap, "group.id": "looking", "enable.auto.commit": False})
    try:
        places = [TopicPartition(topic, partition) for partition in range(TOPICS[topic].partitions)]
        starts, remaining = [], {}
        for place, first in zip(places, _firsts(consumer, places, since), strict=True):
            low, high = consumer.get_watermark_offsets(place, timeout=5)
            begin = max(low, high if first < 0 else first, low if last is None else high - last)
            starts.append(TopicPartition(topic, place.partition, begin))
            remaining[place.partition] = high - begin
        consumer.assign(starts)
        while follow or any(left > 0 for left in remaining.values()):
            message: Message | None = consumer.poll(1)
            if message is None:
                continue
            if message.error():
                raise click.ClickException(str(message.error()))
            remaining[message.partition()] -= 1
            yield message
    except KafkaException as error:
        raise click.ClickException(f"Kafka at {settings.bootstrap} does not answer ({error}): `make up`?") from error
    finally:
        consumer.close()


def _firsts(consumer: Consumer, places: list[TopicPartition], since: int | None) -> list[int]:
    """Of each partition the offset of the first record that is not before a moment, ms; -1 where there is none."""
    if since is None:
        return [0] * len(places)
    asked = [TopicPartition(place.topic, place.partition, since) for place in places]
    return [found.offset for found in consumer.offsets_for_times(asked, timeout=5)]
