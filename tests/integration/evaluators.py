"""The evaluators on a log of a test's own, and what the core says they must have said."""

import json
import os
import re
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from confluent_kafka import Consumer, Message, Producer, TopicPartition

from forecaster import binning, features, weights
from forecaster.binning import Columns
from forecaster.config import Config
from forecaster.knowledge import architecture, forecast, initial
from infra import ports
from infra.services import spark_environment
from infra.settings import ROOT, Settings
from schemas.codec import Codec
from schemas.events import SENSORS, GlobalModel, Prediction, Reading
from schemas.topics import TOPICS
from tests.integration.conftest import Log

CONFIG = Config()
START = 1_078_000_000_000 // CONFIG.bin_ms * CONFIG.bin_ms
OPTIONS = {"bootstrap.servers": "", "group.id": "test", "enable.auto.commit": False}


LIGHT_ULPS = 4
"""Places of float32 by which light may differ: the core here forecasts many moments in one call, Spark one by one."""


@cache
def params(version: int) -> Any:
    """What a version knows."""
    return jax.tree.map(lambda w: np.asarray(w + np.float32(0.01 * version)), initial(CONFIG))


def model(version: int, **other: Any) -> GlobalModel:
    """Its event; the window ends as many half hours after ``START``."""
    end = START + version * 1_800_000
    return GlobalModel(
        *("fleet", version, version - 1, end - 1_800_000, end, "fedavg", {}, architecture(CONFIG)),
        *(weights.to_bytes(params(version)), (), 0, (), "promoted", {}, "test"),
    )._replace(**other)


def readings(devices: Sequence[str], hours: tuple[float, float], every_minutes: float = 2) -> list[Reading]:
    """Of some devices, all at the same moments."""
    made = []
    for step in range(int(hours[0] * 60 / every_minutes), int(hours[1] * 60 / every_minutes)):
        minute = step * every_minutes
        for d, device in enumerate(devices):
            warm = 20 + d % 9 + 3 * np.sin(minute / 300) + 0.1 * ((step * 7 + d) % 5)
            at = START + int(minute * 60_000)
            made.append(Reading(device, at, step, warm, 40.0 - d % 7, 100.0 + minute, 2.7, "test"))
    return made


class Forecasts:
    """What the core forecasts, from the readings alone, with any version: the word of another path than Spark's."""

    def __init__(self, given: Iterable[Reading]) -> None:
        by_device: dict[str, list[Reading]] = {}
        for reading in given:
            by_device.setdefault(reading.device_id, []).append(reading)
        self.seen: dict[tuple[str, int], tuple[Any, int, Any]] = {}
        for device, own in by_device.items():
            self._see(device, own)

    def _see(self, device: str, own: list[Reading]) -> None:
        values = np.array([[np.nan if v is None else v for v in r[3:7]] for r in own])
        columns = Columns(np.array([r.event_time for r in own]), values, np.arange(len(own)))
        _, closed, _ = binning.fold(None, columns, CONFIG.bin_ms)
        history = features.empty(CONFIG)
        for number, summary in zip(closed.numbers.tolist(), closed.summaries, strict=True):
            level = summary[1].astype(np.float32)
            history, observed = _observed(history, np.int32(number), level)
            self.seen[device, (number + 1) * CONFIG.bin_ms] = np.asarray(observed), number, level

    def __call__(self, version: int, device: str, made_at: int, horizon_ms: int) -> Any:
        """Float32 [sensors]."""
        return self.all(version)[device, made_at][CONFIG.horizons_ms.index(horizon_ms)]

    @cache  # noqa: B019  # lives as long as a test
    def all(self, version: int) -> dict[tuple[str, int], Any]:
        """By device and moment, float32 [horizons, sensors]."""
        observed, numbers, levels = (np.stack(column) for column in zip(*self.seen.values(), strict=True))
        if not version:
            return dict(zip(self.seen, np.repeat(levels[:, None], len(CONFIG.horizons), axis=1), strict=True))
        found = _forecast(params(version), observed, numbers.astype(np.int32), levels)
        return dict(zip(self.seen, np.asarray(found), strict=True))


@jax.jit
def _observed(history: Any, number: Any, level: Any) -> Any:
    history = features.advance(CONFIG, history, number, level)
    return history, features.observe(CONFIG, history)


@jax.jit
def _forecast(known: Any, observed: Any, numbers: Any, levels: Any) -> Any:
    return jax.vmap(partial(forecast, CONFIG, known))(observed, numbers, levels)


def assert_forecast(event: Prediction, core: Forecasts) -> None:
    """It says what the core says: to 1e-5, and light, thousands of lux in float32, to a few of its last places."""
    wanted = np.asarray(core(event.model_version, event.device_id, event.made_at, event.horizon_ms), np.float32)
    said = np.array([np.nan if value is None else value for value in event.forecast], np.float32)
    allowed = np.full(len(SENSORS), 1e-5)
    light = SENSORS.index("light")
    allowed[light] = max(1e-5, LIGHT_ULPS * np.spacing(np.abs(wanted[light])))
    close = (np.abs(said - wanted) <= allowed) | (np.isnan(said) & np.isnan(wanted))
    assert close.all(), f"{event.prediction_id} of version {event.model_version}: {said}, and the core {wanted}"


def forms(events: Iterable[Prediction]) -> dict[tuple[str, bool], Prediction]:
    """Events by id and whether they are scored; what comes again must be the same."""
    found: dict[tuple[str, bool], Prediction] = {}
    for event in events:
        form = (event.prediction_id, event.actual is not None)
        assert found.setdefault(form, event) == event, "the same id with other content"
    return found


class Bench:
    """A log of the test's own, and Spark beside it."""

    def __init__(self, log: Log, folder: Path) -> None:
        self.log, self.folder, self.codec = log, folder, Codec(log.registry)
        self.settings = Settings()
        self.python = self.settings.python("spark")
        self.metrics_port = 0
        self.counting: Consumer | None = None
        if not Path(self.python).exists():
            pytest.skip("Spark's environment is not installed: make install")

    def send(self, *events: Any, key: bytes = b"mote-01") -> None:
        """Events, and bytes as readings of a device."""
        producer = Producer({"bootstrap.servers": self.log.bootstrap, "partitioner": "murmur2_random"})
        for event in events:
            if isinstance(event, bytes):
                producer.produce("iot_stream", key=key, value=event, timestamp=START)
                continue
            record = self.codec.encode(event)
            while True:
                try:
                    producer.produce(record.topic, key=record.key, value=record.value, timestamp=record.timestamp)
                    break
                except BufferError:
                    producer.poll(0.1)
        assert producer.flush(30) == 0

    def records(self, topic: str) -> list[Message]:
        """All on a topic by now."""
        consumer = Consumer(OPTIONS | {"bootstrap.servers": self.log.bootstrap})
        parts = [TopicPartition(topic, p, 0) for p in range(TOPICS[topic].partitions)]
        left = sum(consumer.get_watermark_offsets(part, timeout=10)[1] for part in parts)
        consumer.assign(parts)
        found: list[Message] = []
        while len(found) < left:
            found += consumer.consume(min(1000, left - len(found)), timeout=20)
        consumer.close()
        return found

    def events(self, topic: str) -> list[Any]:
        """The same as events."""
        return [self.codec.decode(topic, message.value(), message.key()) for message in self.records(topic)]

    def count(self, topic: str) -> int:
        """Records on a topic by now."""
        if self.counting is None:
            self.counting = Consumer(OPTIONS | {"bootstrap.servers": self.log.bootstrap})
        parts = [TopicPartition(topic, p) for p in range(TOPICS[topic].partitions)]
        return sum(self.counting.get_watermark_offsets(part, timeout=10)[1] for part in parts)

    def newest(self, kind: str) -> int:
        """The newest micro-batch that Spark has begun (``offsets``) or ended (``commits``); -1: none."""
        found = self.folder.glob(f"state-*/checkpoint/{kind}/*")
        return max((int(path.name) for path in found if path.name.isdecimal()), default=-1)

    def begun(self) -> bool:
        """Whether a micro-batch is begun and not ended."""
        return self.newest("offsets") > self.newest("commits")

    def read(self) -> bool:
        """Whether all readings on the log by now are in micro-batches that have ended."""
        done = self.newest("commits")
        return done >= 0 and sum(ends(self.folder, done).values()) == self.count("iot_stream")

    def until(self, holds: Callable[[], bool], seconds: float = 300) -> None:
        """Look often, for something that costs little to look at."""
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, (self.folder.parent / "spark.log").read_text()[-3000:]
            time.sleep(0.02)

    def arguments(self, command: str, *more: str) -> list[str]:
        """To run one of the evaluators."""
        jars = str(self.settings.build / "jars" / "spark")
        argv = [self.python, "-m", "spark_analytics", command, "--bootstrap", self.log.bootstrap]
        return [*argv, "--registry", self.log.registry, "--jars", jars, *more]

    @property
    def environment(self) -> dict[str, str]:
        """Of its process."""
        return {**os.environ, **spark_environment(self.settings)}

    def batch(self, *more: str) -> subprocess.CompletedProcess[str]:
        """Run the batch evaluator."""
        argv = self.arguments("batch", *more)
        return subprocess.run(argv, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False)

    @contextmanager
    def streaming(self, *more: str) -> Iterator[subprocess.Popen[bytes]]:
        """The streaming evaluator, killed after the block if it still runs."""
        port, self.metrics_port = ports.free(2)
        argv = self.arguments("stream", "--folder", str(self.folder), "--trigger-seconds", "1", *more)
        argv += ["--ui-port", str(port), "--metrics-port", str(self.metrics_port)]
        with (self.folder.parent / "spark.log").open("ab") as output:
            process = subprocess.Popen(
                argv, cwd=ROOT, env=self.environment, stdout=output, stderr=output, start_new_session=True
            )
            try:
                yield process
            finally:
                kill(process)

    def metrics(self) -> dict[str, str]:
        """What it shows on its port: values by name and labels."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics") as response:
            return dict(re.findall(r"^(fedlog_evaluator_\S+) (\S+)$", response.read().decode(), re.MULTILINE))

    def wait(self, holds: Callable[[list[Prediction]], bool], seconds: float = 240) -> list[Prediction]:
        """Until all predictions on the log are as wanted."""
        deadline = time.monotonic() + seconds
        while not holds(made := self.events("predictions")):
            log = (self.folder.parent / "spark.log").read_text()[-3000:]
            assert time.monotonic() < deadline, f"{len(made)} predictions after {seconds} s\n{log}"
            time.sleep(2)
        return made


def ends(folder: Path, batch: int) -> dict[int, int]:
    """Offsets behind the last reading of a micro-batch, by partition, from its file in the checkpoint."""
    (path,) = folder.glob(f"state-*/checkpoint/offsets/{batch}")
    told = json.loads(path.read_text().splitlines()[-1])["iot_stream"]
    return {int(partition): end for partition, end in told.items()}


def kill(process: subprocess.Popen[bytes]) -> None:
    """With all that it has started."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether nothing is left of what it has started."""
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return True
    return False
