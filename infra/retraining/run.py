"""``make retrain``: a second, small system learns from the readings; in the end what it made comes onto the log."""

import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Message, TopicPartition
from confluent_kafka.admin import AdminClient
from pydantic import ValidationError

from forecaster.config import configured
from infra import contracts, ready
from infra.archive.progress import progress
from infra.archive.reading import partitions_of
from infra.retraining.copying import Bounds, copy, noted
from infra.retraining.names import DERIVED, RetrainingError, all_of
from infra.retraining.pace import Progress, first_due
from infra.settings import Settings, refusal
from infra.standalone import StartError, isolated, serving
from schemas.codec import Codec, UndecodableRecord, milliseconds
from schemas.topics import TOPICS
from schemas.wire import WATERMARK

READINGS = "iot_stream"
ENGINES = ("flink-jobmanager", "flink-taskmanager", "aggregator", "flink-training")
MINUTE_MS = 60_000


def retrain(settings: Settings, prefix: str, changes: Mapping[str, Any], again: bool = False) -> int:
    """Run the stream again under other settings.

    1. note where the readings end, and that nothing lies under the prefix;
    2. start a log of its own in a folder of its own, and copy the readings to it, offset by offset;
    3. train on them, in step with aggregation, until nothing more comes;
    4. create the prefixed topics, and copy to them what came of it.

    Until 4 nothing is on the running system's log, and its own topics are read only. What is ended before leaves a
    folder that the next run deletes; what is ended in 4, topics that it refuses, or deletes if it is told ``again``.

    Args:
        settings: of the system whose log it is.
        prefix: of the topics.
        changes: settings by their names, other than the system's.
        again: whether topics of that prefix are deleted first.

    Returns:
        How many events the prefixed topics have.

    Raises:
        RetrainingError: it cannot be done, or training stalls.
    """
    names = all_of(prefix)
    ready.must_have_log(settings)
    home = settings.home / "retrain" / prefix
    own = _settings(settings, home, changes)
    admin = AdminClient({"bootstrap.servers": settings.bootstrap})
    _refuse(admin, prefix, list(names.values()), again)
    ranges = noted(settings, [READINGS])
    shutil.rmtree(home, ignore_errors=True)
    try:
        with serving(own, "kafka", "registry"):
            _train(settings, own, ranges)
            made = noted(own, list(DERIVED))
            contracts.create(settings, {name: TOPICS[topic] for topic, name in names.items()})
            copy(own, settings, made, names, title="keeping")
    except StartError as error:
        raise RetrainingError(f"The second system does not start: {error}") from error
    shutil.rmtree(home)
    return sum(end for _, end in made.values())


def _settings(settings: Settings, home: Path, changes: Mapping[str, Any]) -> Settings:
    unknown = changes.keys() - Settings.model_fields.keys()
    if unknown:
        raise RetrainingError(f"There is no setting {', '.join(sorted(unknown))}: README.md lists them.")
    try:
        own = isolated(home, build=settings.build, java=settings.java, **changes)
        configured(own.learner)
    except ValidationError as error:
        raise RetrainingError(f"These settings are none: {refusal(error)}") from error
    except ValueError as error:
        raise RetrainingError(f"These settings are none: {error}") from error
    return own


def _refuse(admin: AdminClient, prefix: str, topics: list[str], again: bool) -> None:
    there = [name for name in topics if name in partitions_of(admin)]
    if there and not again:
        raise RetrainingError(f"There are topics of {prefix!r} already: take another INTO=, or delete them by AGAIN=1.")
    for deleted in (admin.delete_topics(there) if there else {}).values():
        deleted.result()
    while any(name in partitions_of(admin) for name in there):
        time.sleep(0.2)


def _train(settings: Settings, own: Settings, ranges: Bounds) -> None:
    contracts.establish(own)
    codec, moments = Codec(settings.registry), [sys.maxsize, 0]

    def seen(message: Message) -> None:
        try:
            moment = milliseconds(codec.row(READINGS, message.value(), message.key())["event_time"])
        except UndecodableRecord:
            return  # nobody learns from it
        moments[:] = min(moment, moments[0]), max(moment, moments[1])

    copy(settings, own, ranges, {READINGS: READINGS}, seen, "readings")
    first, last = moments
    if first > last:
        raise RetrainingError("There is no reading on the log to learn from.")
    config = configured(own.learner)
    own.in_step = first_due(config, own.window_minutes * MINUTE_MS, first // config.bin_ms)
    with serving(own, *ENGINES):
        _follow(own, first, last)


def _follow(own: Settings, first: int, last: int) -> None:
    """Return when all has been learned from."""
    consumer = Consumer({"bootstrap.servers": own.bootstrap, "group.id": "retrain", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, p, 0) for topic in DERIVED for p in range(TOPICS[topic].partitions)])
    state = Progress(last, first, time.monotonic())
    try:
        with progress("training, minutes of event time", (last - first) // MINUTE_MS + 1) as advance:
            while not state.done(time.monotonic()):
                if state.stalled(time.monotonic()):
                    raise RetrainingError(f"Training has stalled: see the logs in {own.home / 'logs'}.")
                messages = [message for message in consumer.consume(1000, 1.0) if not message.error()]
                if not messages:
                    continue
                headers = (dict(message.headers() or []) for message in messages)
                before = state
                state = state.after([int(each[WATERMARK]) for each in headers if WATERMARK in each], time.monotonic())
                for _ in range((min(state.watermark, last) - before.watermark) // MINUTE_MS):
                    advance("")
    finally:
        consumer.close()
