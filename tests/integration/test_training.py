"""The training job on a real Flink cluster gives, event for event, what the pure device step gives."""

import os
import signal
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import jax
import numpy as np
import psutil
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from flink_training.device import Device, FleetModel, Readings, step
from flink_training.forecasts import predictions
from forecaster import weights
from forecaster.bins import Columns
from forecaster.config import Config
from forecaster.knowledge import architecture, initial
from infra import flink
from infra.settings import Settings
from infra.standalone import isolated, serving
from schemas.codec import Codec
from schemas.events import GlobalModel, Reading
from schemas.topics import TOPICS
from schemas.wire import is_mark
from tests.integration.conftest import Log

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

CONFIG = Config()
WINDOW = 1_800_000
START = 1_078_358_400_000
DEVICES = ("mote-01", "mote-02", "mote-03", "mote-04", "mote-05")
HOURS = 30
PATIENCE_S = 240
KILLS = 3


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


def models() -> list[GlobalModel]:
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


def pure(rows: dict[str, list[tuple[int, int, Reading]]]) -> dict[Any, Any]:
    """Readings of each device with their partition and offset, all in one batch through the pure step."""
    known = {m.version: FleetModel(m.window_end, weights.from_bytes(CONFIG, m.weights)) for m in models()}
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
            events += predictions(table, device_id, placed[0][0], "test")
    return by_id(events)


class Bench:
    """A log of the test's own, filled, and Flink beside it."""

    def __init__(self, log: Log, servers: Settings) -> None:
        self.log, self.servers, self.codec = log, servers, Codec(log.registry)
        self.odd: tuple[bytes, ...] = ()

    def fill(self, *odd: bytes) -> None:
        self.odd = odd
        producer = Producer({"bootstrap.servers": self.log.bootstrap, "partitioner": "murmur2_random"})
        for event in [*readings(), *models()]:
            record = self.codec.encode(event)
            producer.produce(record.topic, key=record.key, value=record.value, timestamp=record.timestamp)
        for value in odd:
            producer.produce("iot_stream", key=b"mote-01", value=value, timestamp=START)
        assert producer.flush(60) == 0

    def read(self, topic: str) -> list[tuple[TopicPartition, bytes, bytes]]:
        """Place, key and value of everything on a topic now."""
        consumer = Consumer({"bootstrap.servers": self.log.bootstrap, "group.id": "test"})
        found, parts, left = [], [], 0
        for p in range(TOPICS[topic].partitions):
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=10)
            parts.append(TopicPartition(topic, p, low))
            left += high - low
        consumer.assign(parts)
        while left > 0:
            for message in consumer.consume(min(left, 1000), timeout=10):
                assert message.error() is None
                found.append(
                    (TopicPartition(topic, message.partition(), message.offset()), message.key(), message.value())
                )
                left -= 1
        consumer.close()
        return found

    def events(self, topic: str) -> list[Any]:
        found = [(key, value) for _, key, value in self.read(topic) if not is_mark(topic, value)]
        return [self.codec.decode(topic, value, key) for key, value in found]

    def expected(self) -> dict[Any, Any]:
        """What the pure step makes of the log, by id; in a process of its own, with the flags of Flink's workers."""
        rows: dict[str, list[tuple[int, int, Reading]]] = {}
        for place, key, value in self.read("iot_stream"):
            if value not in self.odd:
                reading = self.codec.decode("iot_stream", value, key)
                rows.setdefault(key.decode(), []).append((place.partition, place.offset, reading))
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            return pool.submit(pure, rows).result()

    def settings(self, home: Path, **changes: Any) -> Settings:
        same = {n: getattr(self.servers, n) for n in ("kafka_port", "registry_port", "registry_management_port")}
        step_from = {"in_step": START + WINDOW, "bounded_models": True, "checkpoint_seconds": 1}
        return isolated(home).model_copy(update=same | step_from | changes)

    def trained(self) -> dict[Any, Any]:
        return by_id(self.events("local_updates") + self.events("predictions"))

    def reached(self, count: int, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while len(self.trained()) < count and time.monotonic() < deadline:
            time.sleep(2)
        return len(self.trained()) >= count

    def written(self, count: int, seconds: float) -> bool:
        """Whether so many records come in time, however often each event."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if len(self.read("local_updates")) + len(self.read("predictions")) >= count:
                return True
            time.sleep(2)
        return False


@pytest.fixture
def bench(log: Log, log_servers: Settings, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setenv("XLA_FLAGS", flink.environment(log_servers)["XLA_FLAGS"])
    return Bench(log, log_servers)


def kill(process: Any) -> None:
    """The process and all it has started, at once."""
    family = [process, *psutil.Process(process.pid).children(recursive=True)]
    for member in family:
        os.kill(member.pid, signal.SIGKILL)
    process.wait()


def test_a_replay_gives_the_pure_steps_events_and_the_same_bits_at_any_parallelism_and_under_kills(
    bench: Bench, tmp_path: Path
) -> None:
    bench.fill(b"not avro", b"\0\0\0\0\x07half a rec")
    expected = bench.expected()
    assert len(expected) > 10_000
    calm = bench.settings(tmp_path / "calm", parallelism=1)
    with serving(calm, "flink-jobmanager", "flink-taskmanager", "flink-training"):
        assert bench.reached(len(expected), PATIENCE_S)
    undisturbed = bench.trained()
    assert undisturbed == expected
    before = len(bench.read("local_updates")) + len(bench.read("predictions"))

    letters = {(e.origin_partition, e.origin_offset): e for e in bench.events("dead_letters")}
    assert {e.error_class for e in letters.values()} == {"NotAvroError", "UnknownSchemaError", "LateReadingError"}
    assert sum(e.error_class == "LateReadingError" for e in letters.values()) == HOURS * 60 // 400
    originals = {(p.partition, p.offset): value for p, _, value in bench.read("iot_stream")}
    assert all(originals[place] == letter.original for place, letter in letters.items())

    killed = bench.settings(tmp_path / "killed", parallelism=2)
    with ExitStack() as stack:
        running = stack.enter_context(serving(killed, "flink-jobmanager", "flink-taskmanager", "flink-training"))
        for n in range(KILLS):
            time.sleep(3 + n)
            kill(running["flink-taskmanager"])
            running = stack.enter_context(serving(killed, "flink-taskmanager"))
        assert bench.written(2 * before, PATIENCE_S)
    doubled = bench.events("local_updates") + bench.events("predictions")
    assert by_id(doubled) == undisturbed
    assert by_id(doubled[::-1]) == undisturbed, "a repeated event must be the same event"


def test_devices_adopt_a_marked_model_and_say_so(bench: Bench, tmp_path: Path) -> None:
    bench.fill()
    settings = bench.settings(tmp_path / "adopting")
    with serving(settings, "flink-jobmanager", "flink-taskmanager", "flink-training"):
        assert bench.reached(len(bench.expected()), PATIENCE_S)
    updates = [event for event in bench.events("local_updates") if event.device_id == "mote-01"]
    for update in updates:
        due = (update.event_time - CONFIG.adoption_delay_ms - START) // WINDOW
        assert update.base_version == min(max(due, 0), 2 * HOURS - 1)
    joined = min((e for e in bench.events("local_updates") if e.device_id == "mote-02"), key=lambda e: e.sequence)
    assert joined.base_version == (joined.event_time - CONFIG.adoption_delay_ms - START) // WINDOW
    marked = weights.from_bytes(CONFIG, joined.weights).network["params"]["hidden_1"]["kernel"]
    assert np.abs(marked - 0.001 * (joined.base_version % 7)).max() < 0.05
