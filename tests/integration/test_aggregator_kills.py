"""``kill -9`` of the aggregator after each of its steps, twenty times over a run: it leaves no trace in any model."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from confluent_kafka import Producer

from aggregator_stream.options import rules
from aggregator_stream.recheck import run as recheck
from aggregator_stream.restore import beginning
from aggregator_stream.windows import step as fold
from forecaster import weights
from infra.ports import free
from infra.settings import ROOT, Settings
from infra.threads import ONE_THREAD
from schemas.events import Evaluation, GlobalModel, LocalUpdate, PairedError
from schemas.topics import PARTITIONS
from schemas.wire import WATERMARK
from tests.e2e.system import eventually
from tests.integration.conftest import Log, emptied
from tests.integration.crashing_aggregator import STEPS
from tests.integration.fleet import CONFIG, START, WINDOW, Fleet
from tests.integration.synthetic_updates import update

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

DEVICES, WINDOWS, KILLS = 8, 60, 20
OPTIONS = {
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


@pytest.fixture
def fleet(log_servers: Settings) -> Iterator[Fleet]:
    with closing(Fleet(emptied(log_servers), log_servers)) as made:
        write(made, updates())
        yield made


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


def started(log: Log, folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """The aggregator as a process of its own."""
    argv = [sys.executable, "-m", "tests.integration.crashing_aggregator", "--bootstrap", log.bootstrap]
    argv += ["--registry", log.registry, "--port", str(free(1)[0]), "--folder", str(folder), *ARGUMENTS, *arguments]
    return subprocess.Popen(argv, cwd=ROOT, env={**os.environ, **ONE_THREAD}, stderr=(folder / "log").open("a"))


def decided(models: list[GlobalModel]) -> list[GlobalModel]:
    """Where a fold reads on after a restart depends on how partitions were read in turn, and nothing else does."""
    return [model._replace(resume_offsets={}) for model in models]


def test_twenty_kills_at_every_step_leave_no_trace_in_any_model(fleet: Fleet, tmp_path: Path) -> None:
    ruled, state, expected = rules(**OPTIONS), None, []
    state = beginning(ruled)
    for record in fleet.placed():
        state, models = fold(ruled, state, record)
        expected += models
    assert len(expected) == WINDOWS - 1

    died = []
    random = np.random.default_rng(1)
    for n in range(KILLS):
        step = STEPS[n % len(STEPS)]
        # A window closes every twenty-odd records; so that a run of twenty kills gets some way through the log.
        passings = int(random.integers(1, 4) if step in ("closed", "sent") else random.integers(1, 120))
        process = started(fleet.log, tmp_path, "--step", step, "--passings", str(passings))
        died.append((process.wait(60), fleet.count("global_models")))
    assert [code for code, _ in died] == [-9] * KILLS, (tmp_path / "log").read_text()[-2000:]
    assert 0 < died[-1][1] < WINDOWS - 4, "the kills were not in the midst of the work"

    last = started(fleet.log, tmp_path)
    try:
        eventually(lambda: fleet.count("global_models") >= len(expected), 60, "the last windows", 0.2)
    finally:
        last.terminate()
        last.wait(20)
    models = fleet.events("global_models")
    first = {model.version: model for model in reversed(models)}
    assert sorted(first) == list(range(1, WINDOWS))
    assert decided([first[version] for version in sorted(first)]) == decided(expected)
    assert all(model._replace(resume_offsets={}) in decided(expected) for model in models), "repeated, and different"
    assert {model.reason for model in expected} > {None}, "no window had too few contributors"
    states = {decision.state for model in expected for decision in model.decisions}
    assert states == {"promoted", "rejected", "rolled_back"}
    assert expected[-1].champion > WINDOWS - 12
    refused = {c.reason.split()[0] for model in expected for c in model.contributions if c.reason}
    assert refused >= {"stale", "linear"}
    checked = list(recheck(fleet.log.bootstrap, fleet.log.registry))
    assert [(model.version, wrong) for model, wrong in checked] == [(version, []) for version in range(1, WINDOWS)]
