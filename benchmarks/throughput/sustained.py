"""A rate that lasts: what a running job writes, sampled, without its start and its end."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import NamedTuple

import psutil
from confluent_kafka import Consumer, TopicPartition

from infra.settings import Settings
from schemas.topics import TOPICS

EVERY_S = 0.5
LOW, HIGH = 0.5, 0.9
"""Shares of the output between which the rate is taken: before, XLA and, for a minute, the JVM still compile what runs
most; after, tasks run dry."""


class Sample(NamedTuple):
    """Records on the output topic and CPU seconds of each group of processes, at a moment (s)."""

    moment: float
    records: int
    cpu: dict[str, float]


class Rate(NamedTuple):
    """Readings a second, over how many seconds, and cores kept busy by each group of processes."""

    readings_per_s: float
    seconds: float
    cores: dict[str, float]


class Ends:
    """How many records topics have, by their offsets."""

    def __init__(self, settings: Settings) -> None:
        self.consumer = Consumer({"bootstrap.servers": settings.bootstrap, "group.id": "bench"})

    def __call__(self, topic: str) -> int:
        """Records on a topic now."""
        parts = [TopicPartition(topic, p) for p in range(TOPICS[topic].partitions)]
        return sum(self.consumer.get_watermark_offsets(part, timeout=10)[1] for part in parts)


@contextmanager
def counting(settings: Settings) -> Iterator[Ends]:
    """A counter of records."""
    ends = Ends(settings)
    try:
        yield ends
    finally:
        ends.consumer.close()


def cpu(groups: Mapping[str, Callable[[], Sequence[psutil.Process]]]) -> dict[str, float]:
    """CPU seconds that each group's processes have used until now."""
    used = {}
    for name, members in groups.items():
        total = 0.0
        for member in members():
            with suppress(psutil.NoSuchProcess):
                times = member.cpu_times()
                total += times.user + times.system
        used[name] = total
    return used


def samples(
    count: Callable[[], int],
    groups: Mapping[str, Callable[[], Sequence[psutil.Process]]],
    at_most: int | None = None,
    quiet_s: float = 60,
) -> list[Sample]:
    """Until ``at_most`` records are written, or none has been for ``quiet_s`` seconds after the first."""
    taken: list[Sample] = []
    changed = time.monotonic()
    while True:
        sample = Sample(time.monotonic(), count(), cpu(groups))
        if not taken or sample.records != taken[-1].records:
            changed = sample.moment
        taken.append(sample)
        enough = at_most is not None and sample.records >= at_most
        if enough or (sample.records and sample.moment - changed > quiet_s):
            return taken
        time.sleep(EVERY_S)


def rate(taken: Sequence[Sample], readings: int) -> Rate:
    """The rate between ``LOW`` and ``HIGH`` of what was written, ``readings`` being behind all of it."""
    first, last = taken[0].records, taken[-1].records
    written = last - first
    begin = next(s for s in taken if s.records >= first + LOW * written)
    end = next(s for s in taken if s.records >= first + HIGH * written)
    seconds = end.moment - begin.moment
    share = (end.records - begin.records) / written
    cores = {name: (end.cpu[name] - begin.cpu[name]) / seconds for name in end.cpu}
    return Rate(readings * share / seconds, seconds, cores)
