"""A whole system under test: its own home and ports, driven as a person would, with make."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from infra import supervision
from infra.settings import ROOT, Settings
from infra.status import status
from schemas.codec import Codec
from schemas.events import Event
from schemas.topics import TOPICS
from schemas.wire import is_mark


class System(NamedTuple):
    """What make is run for: in this checkout beside what is installed, or in a clone that somebody has just made."""

    settings: Settings
    root: Path = ROOT

    def make(self, *arguments: str, timeout: float = 600) -> subprocess.CompletedProcess[str]:
        argv = ["make", "--no-print-directory", *arguments]
        return subprocess.run(
            argv, cwd=self.root, env=self._environment(), timeout=timeout, capture_output=True, text=True, check=False
        )

    def _environment(self) -> dict[str, str]:
        told = self.settings.exported()
        for asked in ("FEDLOG_DATA", "FEDLOG_READER", "FEDLOG_SPEED"):
            told.pop(asked)
        if self.root == ROOT:
            ours: tuple[str, ...] = ("FEDLOG_", "MAKE")
        else:
            # In a clone nothing is set but ports that are free; and its home, as it is there without being said, by
            # which ``benchmarks.memory`` knows a command.
            told = {name: value for name, value in told.items() if name.endswith("_PORT") or name == "FEDLOG_HOME"}
            ours = ("FEDLOG_", "MAKE", "JAX_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        return {**kept, **told, "NO_COLOR": "1"}

    @property
    def models(self) -> Path:
        """The folder of model files."""
        return self.settings.models if self.root == ROOT else self.root / "models"

    def status(self) -> dict[str, Any]:
        """What ``make status`` shows, without a process for each look."""
        return status(self.settings)

    def states(self) -> dict[str, str]:
        return {row["name"]: row["state"] for row in self.status()["services"]}

    def version(self) -> int:
        model = self.status()["global_model"]
        return 0 if model is None else int(model["version"])

    def count(self, topic: str) -> int:
        """How many events there are; 0 where Kafka does not say in time."""
        return self.status()["topics"][topic]["events"] or 0

    def ends(self, topic: str) -> list[int]:
        """Where each partition ends now."""
        with closing(Consumer({"bootstrap.servers": self.settings.bootstrap, "group.id": "test"})) as consumer:
            return [high for _, high in bounds(consumer, topic)]

    def messages(self, topic: str, last: int | None = None, since: list[int] | None = None) -> Iterator[Message]:
        """Everything on a topic up to its end now, or its last records of each partition, or those since some ends."""
        with closing(Consumer({"bootstrap.servers": self.settings.bootstrap, "group.id": "test"})) as consumer:
            starts, left = [], 0
            for partition, (low, high) in enumerate(bounds(consumer, topic)):
                newest = low if last is None else max(low, high - last)
                start = newest if since is None else since[partition]
                starts.append(TopicPartition(topic, partition, start))
                left += high - start
            consumer.assign(starts)
            while left:
                message = consumer.poll(30)
                assert message is not None, f"{left} records of {topic} do not come"
                if message.error():
                    raise KafkaException(message.error())
                left -= 1
                yield message

    def events(self, topic: str, last: int | None = None, since: list[int] | None = None) -> Iterator[Event]:
        codec = Codec(self.settings.registry)
        for message in self.messages(topic, last, since):
            if not is_mark(topic, message.value()):
                yield codec.decode(topic, message.value(), message.key())

    def pid(self, service: str) -> int:
        return int(supervision.processes(self.settings)[service]["pid"])


def bounds(consumer: Consumer, topic: str) -> list[tuple[int, int]]:
    """First offset and end of each partition."""
    partitions = (TopicPartition(topic, partition) for partition in range(TOPICS[topic].partitions))
    return [consumer.get_watermark_offsets(partition, timeout=10) for partition in partitions]


def eventually(holds: Callable[[], Any], seconds: float, what: str, every: float = 2) -> Any:
    """The first true value of ``holds``; fails when none comes in time."""
    deadline = time.monotonic() + seconds
    while not (value := holds()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(every)
    return value
