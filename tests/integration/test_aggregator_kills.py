"""``kill -9`` of the aggregator after each of its steps, twenty times over a run: it leaves no trace in any model."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from aggregator_stream.fold.restore import beginning
from aggregator_stream.fold.windows import step as fold
from aggregator_stream.options import rules
from aggregator_stream.recheck import run as recheck
from infra.ports import free
from infra.settings import ROOT, Settings
from infra.threads import ONE_THREAD
from tests.e2e.system import eventually
from tests.integration.conftest import Log, emptied
from tests.integration.crashing_aggregator import STEPS
from tests.integration.fleet import Fleet
from tests.integration.synthetic_updates import ARGUMENTS, OPTIONS, WINDOWS, decided, updates, write

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

KILLS = 20


@pytest.fixture
def fleet(log_servers: Settings) -> Iterator[Fleet]:
    with closing(Fleet(emptied(log_servers), log_servers)) as made:
        write(made, updates())
        yield made


def started(log: Log, folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """The aggregator as a process of its own."""
    argv = [sys.executable, "-m", "tests.integration.crashing_aggregator", "--bootstrap", log.bootstrap]
    argv += ["--registry", log.registry, "--port", str(free(1)[0]), "--folder", str(folder), *ARGUMENTS, *arguments]
    return subprocess.Popen(argv, cwd=ROOT, env={**os.environ, **ONE_THREAD}, stderr=(folder / "log").open("a"))


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
