"""A small fleet on a real log, what the pure device step makes of it, and a look at what a training job wrote."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from threading import Event as Signal
from threading import Thread
from typing import Any

import jax
import numpy as np
from confluent_kafka import Consumer, Message, Producer, TopicPartition

from aggregator_stream.fold.restore import beginning
from aggregator_stream.fold.state import Located, Mark, Rules
from aggregator_stream.fold.windows import step as fold
from flink_training.device import Device, FleetModel, Readings, step
from forecaster import weights
from forecaster.binning import Columns
from forecaster.config import Config
from forecaster.knowledge import architecture, initial
from forecaster.strategies import fedavg
from infra.settings import Settings
from infra.standalone import isolated
from schemas.codec import Codec
from schemas.events import Event, GlobalModel, Reading
from schemas.forecasts import predictions
from schemas.topics import TOPICS, YEAR_MS
from schemas.wire import WATERMARK, is_mark
from tests.integration.conftest import Log

CONFIG = Config()
WINDOW = 1_800_000
START = 1_078_358_400_000
DEVICES = ("mote-01", "mote-02", "mote-03", "mote-04", "mote-05")
HOURS = 30
PATIENCE_S = 600


def readings() -> list[Reading]:
    """In order of event time; one device joins late, one has a silence, one sends what lies behind its open bin."""
    random, made = np.random.default_rng(0), []
    for minute in range(HOURS * 60):
        for d, device in enumerate(DEVICES):
            if (d == 1 and minute < 600) or (d == 2 and 300 <= minute < 500):
                continue
            late = 20 * 60_000 if d == 3 and minute % 400 == 399 else 0
            warm = 20 + d + 4 * np.sin(minute / 229) + random.normal(0, 0.05)
            at = START + minute * 60_000 + 1000 * d - late
            made.append(Reading(device, at, minute, warm, 45.0 - warm / 2, 100.0 + minute % 97, 2.7, "test"))
    return made


def marked_models() -> list[GlobalModel]:
    """A marked model for each window: everything in it is one number, near nothing that training makes."""
    made = []
    for version in range(1, 2 * HOURS):
        end = START + version * WINDOW
        known = jax.tree.map(lambda array: np.full_like(array, 0.001 * (version % 7)), initial(CONFIG))  # noqa: B023
        made.append(
            GlobalModel(
                *("fleet", version, version - 1, end - WINDOW, end, "fedavg", {}, architecture(CONFIG)),
                *(weights.to_bytes(known), (), 0, (), "promoted", {}, "test"),
            )
        )
    return made


def by_id(events: list[Any]) -> dict[Any, Any]:
    """First wins; a prediction's two forms are two."""
    found: dict[Any, Any] = {}
    for event in events:
        if hasattr(event, "update_id"):
            found.setdefault(event.update_id, event)
        else:
            found.setdefault((event.prediction_id, event.actual is not None), event)
    return found


def differences(found: dict[Any, Any], expected: dict[Any, Any]) -> dict[Any, Any]:
    """Where two ``by_id`` differ: what one of them has alone, and the fields that are unequal, weights left out."""
    told: dict[Any, Any] = {}
    for name in sorted(found.keys() | expected.keys(), key=str):
        one, other = found.get(name), expected.get(name)
        if one is None or other is None:
            told[name] = "missing" if one is None else "unexpected"
        elif one != other:
            pairs = zip(one._fields, one, other, strict=True)
            told[name] = {f: "unequal" if f == "weights" else (a, b) for f, a, b in pairs if a != b}
    return told


def pure(rows: dict[str, list[tuple[int, int, Reading]]], models: list[GlobalModel]) -> dict[Any, Any]:
    """Readings of each device with their partition and offset, all in one batch through the pure step."""
    known = {m.version: FleetModel.of(CONFIG, m) for m in models}
    events: list[Any] = []
    for device_id, placed in rows.items():
        columns = Columns(
            np.array([r.event_time for _, _, r in placed], np.int64),
            np.array([[r.temperature, r.humidity, r.light, r.voltage] for _, _, r in placed]),
            np.array([offset for _, offset, _ in placed], np.int64),
        )
        _, outcome = step(CONFIG, Device(), Readings(device_id, "test", placed[0][0], columns), known)
        events += outcome.updates
        for table in outcome.forecasts:
            events += predictions(table, "local", device_id, placed[0][0], "test")
    return by_id(events)


class Fleet:
    """Readings on an empty log, and a look at what comes of them."""

    def __init__(self, log: Log, servers: Settings) -> None:
        self.log, self.servers, self.codec = log, servers, Codec(log.registry)
        self.odd: frozenset[bytes] = frozenset()
        self.consumer = Consumer({"bootstrap.servers": log.bootstrap, "group.id": "test"})

    def fill(self, events: Sequence[Event], *odd: bytes, seconds: float = 0, hurry: Signal | None = None) -> None:
        """Write events, evenly over some seconds or until ``hurry``, which has the rest come at once.

        Before them ``odd``, into every partition and as records of years later, by which no time must pass.
        """
        self.odd = frozenset(odd)
        producer = Producer({"bootstrap.servers": self.log.bootstrap, "partitioner": "murmur2_random"})
        for place in product(odd, range(TOPICS["iot_stream"].partitions)):
            producer.produce("iot_stream", place[0], b"mote-01", place[1], timestamp=START + 20 * YEAR_MS)
        begun = time.monotonic()
        for n, event in enumerate(events):
            record = self.codec.encode(event)
            producer.produce(record.topic, key=record.key, value=record.value, timestamp=record.timestamp)
            ahead = begun + seconds * n / len(events) - time.monotonic()
            if ahead > 0.1 and not (hurry and hurry.is_set()):
                producer.flush()
                time.sleep(ahead)
        assert producer.flush(60) == 0

    def filling(self, events: Sequence[Event], seconds: float, hurry: Signal | None = None) -> Thread:
        """The same in the background."""
        thread = Thread(target=self.fill, args=(events,), kwargs={"seconds": seconds, "hurry": hurry}, daemon=True)
        thread.start()
        return thread

    def count(self, topic: str) -> int:
        """Records on a topic now."""
        parts = [TopicPartition(topic, p) for p in range(TOPICS[topic].partitions)]
        return sum(self.consumer.get_watermark_offsets(part, timeout=10)[1] for part in parts)

    def messages(self, topic: str) -> Iterator[Message]:
        """Every record on a topic now, marks too."""
        left = self.count(topic)
        self.consumer.assign([TopicPartition(topic, p, 0) for p in range(TOPICS[topic].partitions)])
        while left > 0:
            for message in self.consumer.consume(min(left, 1000), timeout=10):
                assert message.error() is None
                yield message
                left -= 1
        self.consumer.unassign()

    def read(self, topic: str) -> list[tuple[TopicPartition, bytes, bytes]]:
        """Place, key and value of every event on a topic now."""
        return [
            (TopicPartition(topic, message.partition(), message.offset()), message.key(), message.value())
            for message in self.messages(topic)
            if not is_mark(topic, message.value())
        ]

    def placed(self) -> list[Located | Mark]:
        """What is on ``local_updates``, one partition after the other."""
        records: list[Located | Mark] = []
        for message in self.messages("local_updates"):
            place = (message.partition(), message.offset(), int(dict(message.headers())[WATERMARK]))
            mark = is_mark("local_updates", message.value())
            records.append(
                Mark(*place) if mark else Located(self.codec.decode("local_updates", message.value()), *place)
            )
        return sorted(records, key=lambda record: record.partition)

    def folded(self) -> list[GlobalModel]:
        """What the pure window fold makes of ``local_updates``."""
        rules = Rules(CONFIG, fedavg(), evaluated=True)
        state, models = beginning(rules), []
        for record in self.placed():
            state, closed = fold(rules, state, record)
            models += closed
        return models

    def close(self) -> None:
        self.consumer.close()

    def events(self, topic: str) -> list[Any]:
        return [self.codec.decode(topic, value, key) for _, key, value in self.read(topic)]

    def expected(self, models: list[GlobalModel]) -> dict[Any, Any]:
        """What the pure step makes of the log, by id; in a process of its own, with the flags of Flink's workers."""
        rows: dict[str, list[tuple[int, int, Reading]]] = {}
        for place, key, value in self.read("iot_stream"):
            if value not in self.odd:
                reading = self.codec.decode("iot_stream", value, key)
                rows.setdefault(key.decode(), []).append((place.partition, place.offset, reading))
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            return pool.submit(pure, rows, models).result()

    def settings(self, home: Path, **changes: Any) -> Settings:
        """A home and ports of its own for what runs beside the log."""
        same = {n: getattr(self.servers, n) for n in ("kafka_port", "registry_port", "registry_management_port")}
        return isolated(home).model_copy(update=same | {"checkpoint_seconds": 1} | changes)

    def written(self) -> list[Any]:
        """Updates and predictions in the order of the log, repetitions too."""
        return self.events("local_updates") + self.events("predictions")

    def reached(self, count: int) -> dict[Any, Any]:
        """What was written, by id, once so many ids are there; after ``PATIENCE_S`` what there is."""
        deadline = time.monotonic() + PATIENCE_S
        while len(found := by_id(self.written())) < count and time.monotonic() < deadline:
            time.sleep(2)
        return found
