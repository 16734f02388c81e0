"""Whose memory it is, of real processes."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Event, Timer

from benchmarks import memory
from infra.orphans import MARK
from infra.settings import Settings

WAITING = "print('here', flush=True); input()"


@contextmanager
def running(*environments: dict[str, str]) -> Iterator[list[int]]:
    """Processes that wait for a word, each with its own environment."""
    with ExitStack() as stack:
        argv = [sys.executable, "-c", WAITING]
        pids = []
        for environment in environments:
            own = {name: value for name, value in os.environ.items() if not name.startswith("FEDLOG_")} | environment
            process = stack.enter_context(subprocess.Popen(argv, stdin=-1, stdout=-1, env=own))
            stack.callback(process.kill)
            process.stdout.readline()
            pids.append(process.pid)
        yield pids


def test_every_process_of_this_home_counts_once_and_no_other(tmp_path):
    settings = Settings(home=tmp_path)
    home = {"FEDLOG_HOME": str(tmp_path)}
    (tmp_path / "run").mkdir()
    with running(home | {MARK: "kafka"}, home | {MARK: "kafka"}, home, home, {"FEDLOG_HOME": "another"}) as pids:
        (tmp_path / "run" / "supervisord.pid").write_text(f"{pids[3]}\n")
        sizes = memory.sample(settings)
    assert sizes.keys() == {"kafka", "commands", "supervisord"}
    assert all(size > 1 for size in sizes.values())
    assert sizes["kafka"] > 1.5 * sizes["commands"]


def test_a_supervisor_that_was_killed_has_nothing(tmp_path):
    (tmp_path / "run").mkdir()
    with running({}) as (pid,):
        (tmp_path / "run" / "supervisord.pid").write_text(str(pid))
    assert memory.sample(Settings(home=tmp_path)) == {}


def test_what_people_run_beside_it_is_not_in_the_sum_of_services(tmp_path):
    home, over = {"FEDLOG_HOME": str(tmp_path)}, Event()
    with running(home | {MARK: "kafka"}, home):
        Timer(0.5, over.set).start()
        peaks = memory.peaks(Settings(home=tmp_path), over, 0.1)
    assert peaks.keys() == {"kafka", memory.COMMANDS, memory.ALL}
    assert peaks[memory.ALL] == peaks["kafka"] > 1


def test_the_table_has_the_largest_first_and_all_together_last():
    lines = memory.table({"kafka": 10.0, memory.ALL: 1_234.5, "spark": 1_200.4}).splitlines()[2:]
    assert lines == ["| spark | 1,200 |", "| kafka | 10 |", "| **all services at the same moment** | 1,234 |"]
