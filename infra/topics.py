"""Looking at the log: model versions from headers, events as JSON lines."""

import base64
import json
import shutil
import subprocess
import sys
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
    for message in _read(settings, "global_models", last=None, follow=False):
        headers = ",".join(f"{name}={value.decode()}" for name, value in message.headers() or [])
        click.echo(f"{message.key().decode()} {headers}")


def tail(settings: Settings, topic: str, follow: bool, last: int) -> None:
    """Print a topic's events as JSON lines, oldest first within a partition; what is not an event says why."""
    if topic not in TOPICS:
        raise click.ClickException(f"no topic {topic}: there are {', '.join(TOPICS)}")
    codec = Codec(settings.registry)
    for message in _read(settings, topic, last, follow):
        if is_mark(topic, message.value()):
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


def _read(settings: Settings, topic: str, last: int | None, follow: bool) -> Any:
    """The messages of a topic from ``last`` before its end (``None``: the beginning) to the end now, or for ever."""
    consumer = Consumer({"bootstrap.servers": settings.bootstrap, "group.id": "looking", "enable.auto.commit": False})
    try:
        remaining = {}
        starts = []
        for partition in range(TOPICS[topic].partitions):
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=5)
            begin = low if last is None else max(low, high - last)
            starts.append(TopicPartition(topic, partition, begin))
            remaining[partition] = high - begin
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
