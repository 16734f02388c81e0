"""How long it takes, at the speed of the running system, from the reading that closes a bin to the update it brings.

Both are heard on Kafka by one consumer, so its own delay is in both moments.
"""

import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from confluent_kafka import Consumer, KafkaException, TopicPartition

from infra import contracts
from infra.settings import Settings
from infra.standalone import isolated, serving
from schemas.codec import Codec
from schemas.events import LocalUpdate
from schemas.topics import TOPICS
from schemas.wire import is_mark

WARM_UP = 200
"""Updates that come while XLA compiles, the JVM is young and what had waited for them is caught up with."""
UPDATES = 600


class Latency(NamedTuple):
    """Milliseconds, over how many updates, at what speed (event seconds a second)."""

    p50_ms: float
    p99_ms: float
    updates: int
    speed: str


def run(data: Path) -> Latency:
    """The running system's producer, log and job, by themselves."""
    home = Path(tempfile.mkdtemp(prefix="fedlog-bench-"))
    settings = isolated(home, data=str(data.resolve()))
    try:
        with serving(settings, "kafka", "registry"):
            contracts.establish(settings)
            with serving(settings, "flink-jobmanager", "flink-taskmanager", "flink-training", "producer"):
                taken = _waits(settings)[WARM_UP:]
    finally:
        shutil.rmtree(home, ignore_errors=True)
    p50, p99 = (float(np.percentile(taken, q)) * 1000 for q in (50, 99))
    return Latency(p50, p99, len(taken), settings.speed)


def _waits(settings: Settings) -> list[float]:
    """Of the first updates, in order, s."""
    arrived: dict[tuple[str, int | None], float] = {}
    waits: list[float] = []
    for event, moment in _events(settings):
        if isinstance(event, LocalUpdate):
            waits.append(moment - arrived.pop((event.device_id, event.closed_at)))
        else:
            arrived[event.device_id, event.event_time] = moment
        if len(waits) >= WARM_UP + UPDATES:
            break
    return waits


def _events(settings: Settings) -> Iterator[tuple[Any, float]]:
    """Readings and updates as they come, and when they did, s."""
    codec = Codec(settings.registry)
    consumer = Consumer({"bootstrap.servers": settings.bootstrap, "group.id": "bench", "enable.auto.commit": False})
    topics = ("iot_stream", "local_updates")
    consumer.assign([TopicPartition(topic, p, 0) for topic in topics for p in range(TOPICS[topic].partitions)])
    try:
        while True:
            message = consumer.poll(1.0)
            if message is None:
                continue
            if message.error():
                raise KafkaException(message.error())
            topic = str(message.topic())
            if not is_mark(topic, message.value()):
                yield codec.decode(topic, message.value()), time.monotonic()
    finally:
        consumer.close()
