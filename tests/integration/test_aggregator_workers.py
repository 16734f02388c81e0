"""Several workers sum windows up and are killed; every event is what one process alone decides, to the byte."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from aggregator_stream.fold.restore import beginning
from aggregator_stream.fold.windows import step as fold
from aggregator_stream.options import rules
from aggregator_stream.recheck import run as recheck
from infra.ports import free
from infra.settings import ROOT, Settings
from infra.threads import ONE_THREAD
from tests.e2e.system import eventually
from tests.integration.conftest import emptied
from tests.integration.fleet import Fleet
from tests.integration.synthetic_updates import ARGUMENTS, OPTIONS, WINDOWS, decided, updates, write

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]


@pytest.fixture
def fleet(log_servers: Settings) -> Iterator[Fleet]:
    with closing(Fleet(emptied(log_servers), log_servers)) as made:
        yield made


@contextmanager
def process(fleet: Fleet, folder: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process of the aggregator, ended at the end if it runs still."""
    folder.mkdir(parents=True, exist_ok=True)
    argv = [sys.executable, "-m", "aggregator_stream", *arguments, "--bootstrap", fleet.log.bootstrap]
    argv += ["--registry", fleet.log.registry, "--folder", str(folder)]
    running = subprocess.Popen(argv, cwd=ROOT, env={**os.environ, **ONE_THREAD}, stderr=(folder / "log").open("a"))
    try:
        yield running
    finally:
        running.terminate()
        running.wait(20)


def parts_by(port: int) -> dict[str, float]:
    """How many parts of windows were summed up, by whom."""
    text = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    families = {family.name: family.samples for family in text_string_to_metric_families(text)}
    samples = [sample for sample in families["fedlog_window_parts"] if sample.name.endswith("_total")]
    return {sample.labels["by"]: sample.value for sample in samples}


def test_two_workers_one_of_which_is_killed_come_to_what_one_process_does(fleet: Fleet, tmp_path: Path) -> None:
    every, port = updates(), free(1)[0]
    every.sort(key=lambda event: event.event_time)
    write(fleet, every[: len(every) // 2])
    run = ("run", "--workers", "--port", str(port), *ARGUMENTS)
    with ExitStack() as stack:
        first, _ = (stack.enter_context(process(fleet, tmp_path / name, "work")) for name in ("one", "two"))
        stack.enter_context(process(fleet, tmp_path / "run", *run))
        eventually(lambda: fleet.count("global_models") >= WINDOWS // 2 - 3, 240, "half the windows", 0.2)
        first.kill()
        write(fleet, every[len(every) // 2 :])
        eventually(lambda: fleet.count("global_models") >= WINDOWS - 1, 240, "the other half", 0.2)
        summed = parts_by(port)
    ruled = rules(**OPTIONS)
    state, expected = beginning(ruled), []
    for record in fleet.placed():
        state, models = fold(ruled, state, record)
        expected += models
    models = fleet.events("global_models")
    assert decided(models) == decided(expected)
    assert len(models) == WINDOWS - 1
    assert not [wrong for _, wrong in recheck(fleet.log.bootstrap, fleet.log.registry) if wrong]
    plans = {plan.plan_id: plan for plan in fleet.events("window_plans")}
    answered = {part.plan_id for part in fleet.events("window_parts")}
    assert len({plan.partition for plan in plans.values()}) > 1
    assert answered == plans.keys()
    assert summed == {"worker": len(plans)}, (tmp_path / "run" / "log").read_text()[-2000:]
    logs = [(tmp_path / name / "log").read_text() for name in ("one", "two")]
    assert all(log.count(" members") > 5 for log in logs), "one of the workers had nothing to do"
    assert not fleet.events("dead_letters")


def test_what_no_worker_sums_up_the_aggregator_does_itself(fleet: Fleet, tmp_path: Path) -> None:
    some = [event for event in updates() if event.sequence <= 2]
    write(fleet, some)
    port = free(1)[0]
    with process(fleet, tmp_path / "run", "run", "--workers", "--port", str(port), *ARGUMENTS):
        eventually(lambda: fleet.count("global_models") >= 1, 240, "a window", 0.5)
        assert parts_by(port).keys() == {"here"}
    ruled = rules(**OPTIONS)
    state, expected = beginning(ruled), []
    for record in fleet.placed():
        state, models = fold(ruled, state, record)
        expected += models
    assert decided(fleet.events("global_models"))[0] == decided(expected)[0]
    assert "no worker has summed up partitions" in (tmp_path / "run" / "log").read_text()
