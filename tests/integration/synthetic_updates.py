"""Updates that nobody has learned: weights at random, for tests of what is made of them."""

from typing import Any

import jax
import numpy as np
from confluent_kafka import Producer

from forecaster import knowledge, weights
from forecaster.knowledge import Knowledge, architecture
from schemas.events import Evaluation, GlobalModel, HorizonError, LocalUpdate, PairedError
from schemas.topics import PARTITIONS
from schemas.wire import WATERMARK
from tests.integration.fleet import CONFIG, START, WINDOW, Fleet

DEVICES, WINDOWS = 8, 60
OPTIONS: dict[str, Any] = {
    "window_minutes": 30,
    "lateness_minutes": 10,
    "idle_minutes": 30,
    "min_contributors": 6,
    "staleness_exponent": 0.5,
    "staleness_bound": 6,
    "promotion": "evaluated",
    "promotion_margin": 0.05,
    "promotion_labels": 30,
    "strategy": "fedadam",
    "strategy_parameters": "",
}
ARGUMENTS = [f"--{name.replace('_', '-')}={value}" for name, value in OPTIONS.items()]
"""How the aggregator is told to go about them."""


def known(random: np.random.Generator) -> Knowledge:
    """Something to know, every number of it normally distributed."""
    made: Knowledge = jax.tree.map(
        lambda array: random.normal(0, 1, array.shape).astype(np.float32), knowledge.initial(CONFIG)
    )
    return made


def update(device: str, sequence: int, event_time: int, seed: int, **changes: Any) -> LocalUpdate:
    """An update, a function of its arguments."""
    random = np.random.default_rng(seed)
    return LocalUpdate(
        update_id=f"{device}/{sequence}",
        device_id=device,
        sequence=sequence,
        event_time=event_time,
        base_version=0,
        adopted_at=None,
        architecture=architecture(CONFIG),
        weights=weights.to_bytes(known(random)),
        example_count=int(random.integers(1, 50)),
        reading_partition=-1,
        first_offset=-1,
        last_offset=-1,
        errors=(HorizonError("temperature", WINDOW, 2, 0.5, 1.0),),
        dataset="synthetic",
    )._replace(**changes)


def updates() -> list[LocalUpdate]:
    """One a device and window, some stale, some too stale, some NaN; now and then most devices are silent."""
    random, made = np.random.default_rng(0), []
    sequences = dict.fromkeys(range(DEVICES), 0)
    for window in range(1, WINDOWS + 1):
        for d in range(3 if window % 11 == 0 else DEVICES):
            sequences[d] += 1
            at = START + window * WINDOW - int(random.integers(0, 20)) * 60_000
            base = max(window - 3 - (d if window % 5 == 0 else 0), 0)
            changes = {"base_version": base, "evaluations": judged(window)}
            event = update(f"mote-{d:02}", sequences[d], at, 100 * window + d, **changes)
            made.append(spoiled(event) if (window + d) % 17 == 0 else event)
    return made


def judged(window: int) -> tuple[Evaluation, ...]:
    """What devices say in a window of whatever may stand then: some versions are bad, some turn out so as champions."""

    def error(version: int) -> float:
        turns = version % 13 == 6 and window > version + 1
        return 1e6 if version % 7 == 4 or version % 13 == 7 or turns else 5e5

    return tuple(
        Evaluation(v, c, (PairedError("humidity", WINDOW, 6, error(v), error(c), 1e6),))
        for c in range(max(window - 9, 0), window - 1)
        for v in range(max(c - 4, 0), window)
        if v != c
    )


def spoiled(event: LocalUpdate) -> LocalUpdate:
    """One number of its weights is none."""
    known = weights.from_bytes(CONFIG, event.weights)
    linear = np.array(known.linear)
    linear[0, 0, 0] = np.nan
    return event._replace(weights=weights.to_bytes(known._replace(linear=linear)))


def write(fleet: Fleet, events: list[LocalUpdate]) -> None:
    """Updates as Flink writes them: each with the watermark, which marks every partition when it has moved."""
    producer = Producer({"bootstrap.servers": fleet.log.bootstrap, "partitioner": "murmur2_random"})
    passed = 0
    for event in sorted(events, key=lambda event: event.event_time):
        if event.event_time - 1 > passed:
            passed = event.event_time - 1
            for partition in range(PARTITIONS):
                producer.produce("local_updates", partition=partition, headers={WATERMARK: str(passed)})
        record = fleet.codec.encode(event)
        headers = [*record.headers, (WATERMARK, str(passed).encode())]
        producer.produce(record.topic, record.value, record.key, headers=headers, timestamp=record.timestamp)
    assert producer.flush(60) == 0


def decided(models: list[GlobalModel]) -> list[GlobalModel]:
    """Where a fold reads on after a restart depends on how partitions were read in turn, and nothing else does."""
    return [model._replace(resume_offsets={}) for model in models]
