"""The evaluators on a real Spark, Kafka and registry."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from forecaster import weights
from forecaster.config import Config
from forecaster.knowledge import architecture, forecast, initial
from infra import ports
from infra.services import spark_environment
from infra.settings import ROOT, Settings
from schemas.codec import Codec
from schemas.events import GlobalModel, Prediction, Reading
from schemas.topics import TOPICS
from spark_analytics.device import empty, step
from tests.integration.conftest import Log

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

CONFIG = Config()
START = 1_078_000_000_000 // CONFIG.bin_ms * CONFIG.bin_ms
DEVICES = ("mote-01", "mote-02", "mote-03")


def params(version: int) -> Any:
    return jax.tree.map(lambda w: np.asarray(w + np.float32(0.01 * version)), initial(CONFIG))


def readings(hours: tuple[int, int]) -> list[Reading]:
    made = []
    for minute in range(hours[0] * 60, hours[1] * 60, 2):
        for d, device in enumerate(DEVICES):
            warm = 20 + d + 3 * np.sin(minute / 300)
            at = START + minute * 60_000
            made.append(Reading(device, at, minute, warm, 40.0 - d, 100.0 + minute, 2.7, "test"))
    return made


def model(version: int) -> GlobalModel:
    end = START + version * 1_800_000
    return GlobalModel(
        *("fleet", version, version - 1, end - 1_800_000, end, "fedavg", {}, architecture(CONFIG)),
        *(weights.to_bytes(params(version)), (), 0, (), "promoted", {}, "test"),
    )


class Bench:
    """A log of the test's own, and Spark beside it."""

    def __init__(self, log: Log, folder: Path) -> None:
        self.log, self.folder, self.codec = log, folder, Codec(log.registry)
        self.settings = Settings()
        self.python = self.settings.python("spark")
        if not Path(self.python).exists():
            pytest.skip("Spark's environment is not installed: make install")

    def send(self, *events: Any) -> None:
        producer = Producer({"bootstrap.servers": self.log.bootstrap, "partitioner": "murmur2_random"})
        for event in events:
            if isinstance(event, bytes):
                producer.produce("iot_stream", key=b"mote-01", value=event, timestamp=START)
                continue
            record = self.codec.encode(event)
            producer.produce(record.topic, key=record.key, value=record.value, timestamp=record.timestamp)
        assert producer.flush(30) == 0

    def events(self, topic: str) -> list[Any]:
        consumer = Consumer({"bootstrap.servers": self.log.bootstrap, "group.id": "test"})
        parts = [TopicPartition(topic, p, 0) for p in range(TOPICS[topic].partitions)]
        left = sum(consumer.get_watermark_offsets(part, timeout=10)[1] for part in parts)
        consumer.assign(parts)
        found = []
        while len(found) < left:
            message = consumer.poll(20)
            assert message is not None
            found.append(self.codec.decode(topic, message.value(), message.key()))
        consumer.close()
        return found

    def arguments(self, command: str, *more: str) -> list[str]:
        jars = str(self.settings.build / "jars" / "spark")
        argv = [self.python, "-m", "spark_analytics", command, "--bootstrap", self.log.bootstrap]
        return [*argv, "--registry", self.log.registry, "--jars", jars, *more]

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, **spark_environment(self.settings)}

    @contextmanager
    def streaming(self) -> Iterator[subprocess.Popen[bytes]]:
        port = str(ports.free(1)[0])
        argv = self.arguments("stream", "--folder", str(self.folder), "--ui-port", port, "--trigger-seconds", "1")
        with (self.folder.parent / "spark.log").open("ab") as output:
            process = subprocess.Popen(
                argv, cwd=ROOT, env=self.environment, stdout=output, stderr=output, start_new_session=True
            )
            try:
                yield process
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()

    def wait(self, holds: Callable[[list[Prediction]], bool], seconds: float = 120) -> list[Prediction]:
        deadline = time.monotonic() + seconds
        while not holds(made := self.events("predictions")):
            log = (self.folder.parent / "spark.log").read_text()[-3000:]
            assert time.monotonic() < deadline, f"{len(made)} predictions after {seconds} s\n{log}"
            time.sleep(2)
        return made


@pytest.fixture
def bench(log: Log, tmp_path: Path) -> Bench:
    (tmp_path / "spark").mkdir()
    return Bench(log, tmp_path / "spark")


def expected(version: int, until: int) -> dict[tuple[str, int, int], Any]:
    """By device, moment and horizon: the core's forecast for the bins that close in the first ``until`` hours."""
    found = {}
    for device in DEVICES:
        state = empty(CONFIG)
        for offset, reading in enumerate(r for r in readings((0, until)) if r.device_id == device):
            state, closed = step(CONFIG, state, reading, offset, 0)
            if closed is not None:
                now = closed.now
                ahead = forecast(CONFIG, params(version), now.observed, np.int32(now.number), now.level)
                values = np.asarray(ahead)
                for h, horizon_ms in enumerate(CONFIG.horizons_ms):
                    found[device, (closed.now.number + 1) * CONFIG.bin_ms, horizon_ms] = values[h]
    return found


def close(event: Prediction, values: Any) -> bool:
    return bool(np.allclose(np.asarray(event.forecast, np.float64), values, atol=1e-5))


def test_the_evaluator_swaps_models_and_survives_a_kill(bench: Bench):
    bench.send(model(1), *readings((0, 2)), b"not an event")
    with bench.streaming() as process:
        first = bench.wait(lambda made: {e.model_version for e in made} == {1} and len(made) > 100)
        bench.send(model(2), *readings((2, 4)))
        bench.wait(lambda made: any(e.model_version == 2 for e in made))
        os.killpg(process.pid, signal.SIGKILL)
    bench.send(model(3), *readings((4, 6)))
    last_bin = START + (6 * 60 - 5) * 60_000
    with bench.streaming() as process:
        made = bench.wait(lambda made: sum(e.made_at == last_bin and e.actual is None for e in made) >= 9)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert first

    forms: dict[tuple[str, bool], Prediction] = {}
    for event in made:
        form = (event.prediction_id, event.actual is not None)
        assert forms.setdefault(form, event) == event, "the same id with other content"
    by_version = {version: expected(version, 6) for version in (1, 2, 3)}
    unscored = [e for (_, scored), e in forms.items() if not scored]
    # The last bin of a device stays open.
    assert len(unscored) == len(DEVICES) * (6 * 12 - 1) * len(CONFIG.horizons)
    for event in unscored:
        values = by_version[event.model_version][event.device_id, event.made_at, event.horizon_ms]
        assert close(event, values)
    for (prediction_id, scored), event in forms.items():
        if scored:
            assert event.forecast == forms[prediction_id, False].forecast
            assert event.model_version == forms[prediction_id, False].model_version
    for device in DEVICES:
        versions = [e.model_version for e in sorted(unscored, key=lambda e: e.made_at) if e.device_id == device]
        assert versions == sorted(versions)
        assert set(versions) == {1, 2, 3}
    letters = {letter.letter_id: letter for letter in bench.events("dead_letters")}
    assert [letter.original for letter in letters.values()] == [b"not an event"]
    assert {letter.stage for letter in letters.values()} == {"spark_analytics"}


def test_batch_scores_the_whole_topic_with_one_version(bench: Bench):
    bench.send(model(1), model(2), *readings((0, 4)), b"not an event")
    done = subprocess.run(
        bench.arguments("batch"), cwd=ROOT, env=bench.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    events = bench.events("predictions")
    values = expected(2, 4)
    assert {(e.device_id, e.made_at, e.horizon_ms) for e in events} == values.keys()
    for event in events:
        assert event.source == "batch"
        assert event.model_version == 2
        assert close(event, values[event.device_id, event.made_at, event.horizon_ms])
    newest = max(e.made_at for e in events)
    assert all((e.actual is not None) == (e.target_at <= newest) for e in events)
    assert "temperature" in done.stdout
    assert {letter.original for letter in bench.events("dead_letters")} == {b"not an event"}


def test_batch_without_a_model_is_one_clear_sentence(bench: Bench):
    bench.send(*readings((0, 1)))
    done = subprocess.run(
        bench.arguments("batch"), cwd=ROOT, env=bench.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "no global model" in done.stderr
    assert "Traceback" not in done.stderr
