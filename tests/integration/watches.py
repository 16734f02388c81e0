"""Threads beside an evaluator: what feeds it, and what writes down what it says and when."""

import json
import threading
import time
from collections.abc import Sequence
from typing import NamedTuple

from confluent_kafka import Consumer, Producer, TopicPartition

from schemas.events import Prediction, Reading
from schemas.topics import TOPICS
from spark_analytics.choice import Pin
from tests.integration.evaluators import OPTIONS, Bench, ends


class Watch(threading.Thread):
    """A thread whose error is an error of the test: it comes out of ``join``."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.ended, self.error = threading.Event(), None

    def run(self) -> None:
        """The work, once."""
        try:
            self.work()
        except BaseException as error:  # noqa: BLE001  # raised by ``join``
            self.error = error

    def work(self) -> None:
        """Until done, or until ``ended``."""
        raise NotImplementedError

    def join(self, timeout: float | None = None) -> None:
        """Wait for the end; raise what the work has raised."""
        super().join(timeout)
        if self.error is not None:
            raise self.error

    def end(self) -> None:
        """Have it end, and wait for that."""
        self.ended.set()
        self.join()


class Feed(Watch):
    """Readings onto the log at a steady rate, from a thread of its own."""

    def __init__(self, bench: Bench, given: Sequence[Reading], a_second: float) -> None:
        super().__init__()
        self.bench, self.a_second, self.seconds = bench, a_second, 0.0
        self.records = [bench.codec.encode(reading) for reading in given]

    def work(self) -> None:
        """All of them, acknowledged."""
        producer = Producer({"bootstrap.servers": self.bench.log.bootstrap, "partitioner": "murmur2_random"})
        begin = time.monotonic()
        for sent, record in enumerate(self.records):
            if (ahead := sent / self.a_second - (time.monotonic() - begin)) > 0.02:
                producer.poll(0)
                time.sleep(ahead)
            producer.produce(record.topic, key=record.key, value=record.value, timestamp=record.timestamp)
        assert producer.flush(30) == 0
        self.seconds = time.monotonic() - begin

    @property
    def rate(self) -> float:
        """Readings a second, on the average of all; once it has ended."""
        return len(self.records) / self.seconds


class Arrivals(Watch):
    """When each prediction comes, Unix time."""

    def __init__(self, bench: Bench) -> None:
        super().__init__()
        self.bench, self.seen = bench, list[tuple[float, bytes]]()

    def work(self) -> None:
        """Until ``ended``."""
        consumer = Consumer(OPTIONS | {"bootstrap.servers": self.bench.log.bootstrap, "fetch.wait.max.ms": 10})
        consumer.assign([TopicPartition("predictions", p, 0) for p in range(TOPICS["predictions"].partitions)])
        while not self.ended.is_set():
            self.seen += [(time.time(), message.value()) for message in consumer.consume(1000, timeout=0.05)]
        consumer.close()

    def made(self) -> list[tuple[float, Prediction]]:
        """Those that were just made, not those scored."""
        events = [(at, self.bench.codec.decode("predictions", value)) for at, value in self.seen]
        return [(at, event) for at, event in events if event.actual is None]


class Batch(NamedTuple):
    """A micro-batch, from its file in the checkpoint.

    Attributes:
        begun: Unix time.
        ends: offsets behind its last reading, by partition.
    """

    begun: float
    ends: dict[int, int]


class Batches(Watch):
    """What the query writes down of its micro-batches: Spark deletes it ten batches later, the next pin replaces it."""

    def __init__(self, bench: Bench) -> None:
        super().__init__()
        self.folder = bench.folder
        self.found, self.pins = dict[int, Batch](), dict[int, tuple[float, Pin]]()

    def work(self) -> None:
        """Until ``ended``."""
        while not self.ended.is_set():
            for path in self.folder.glob("state-*/checkpoint/offsets/*"):
                if path.name.isdecimal() and int(path.name) not in self.found:
                    batch = int(path.name)
                    self.found[batch] = Batch(path.stat().st_mtime, ends(self.folder, batch))
            for path in self.folder.glob("state-*/checkpoint/pin.json"):
                told = json.loads(path.read_text())
                self.pins.setdefault(told.pop("batch"), (time.time(), Pin(**told)))
            time.sleep(0.02)

    @property
    def newest(self) -> Pin:
        """The pin of the newest."""
        return self.pins[max(self.pins)][1]

    def of(self, partition: int, offset: int) -> int:
        """The micro-batch that a reading was in."""
        return min(batch for batch, (_, behind) in self.found.items() if behind[partition] > offset)
