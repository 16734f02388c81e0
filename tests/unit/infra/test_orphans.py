"""What a killed supervisord leaves is found by its environment and ended in order; nothing else is."""

import os
import subprocess
import sys
from contextlib import suppress

import psutil
import pytest
from click.testing import CliRunner

from infra import lifecycle, orphans, supervision
from infra.__main__ import main
from infra.settings import Settings

OBEYS = """
import os, signal, sys, time
def end(*_):
    with open(sys.argv[1], "a") as ended:
        ended.write(f"{os.environ.get('FEDLOG_SERVICE') or sys.argv[-1]}\\n")
    os._exit(0)
signal.signal(signal.SIGTERM, end)
print("ready", flush=True)
time.sleep(600)
"""
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)"
PARENT = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {DEAF!r}], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
child.wait()
"""


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path / "home")


@pytest.fixture
def start(settings, tmp_path):
    """Starts a process as an earlier supervisord had, and waits for its first line."""
    started = []

    def begin(service, code=OBEYS, home=settings.home, more=()):
        environment = os.environ | {"FEDLOG_HOME": str(home)} | ({orphans.MARK: service} if service else {})
        argv = [sys.executable, "-c", code, str(tmp_path / "ended"), *more]
        process = subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, text=True)
        started.append(process)
        process.first = process.stdout.readline().strip()
        assert process.first
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def ended(tmp_path):
    return (tmp_path / "ended").read_text().split()


def test_services_of_this_home_are_found_and_those_of_another_are_not(settings, start, tmp_path):
    ours = [start("kafka"), start("kafka"), start("spark"), start(None, more=["infra.launch", "sink"])]
    start("kafka", home=tmp_path / "another")
    start(None)  # somebody's shell, who has set where the home is
    found = {name: [process.pid for process in processes] for name, processes in orphans.left(settings).items()}
    first, second, spark, sink = (process.pid for process in ours)
    assert {name: set(pids) for name, pids in found.items()} == {
        "kafka": {first, second},
        "spark": {spark},
        "sink": {sink},
    }


def test_all_are_told_to_end_each_before_what_it_needs(settings, start, tmp_path):
    waiting = start(None, more=["infra.launch", "sink"])
    ours = [start(name) for name in ("kafka", "registry", "aggregator")] + [waiting]
    other = start("kafka", home=tmp_path / "another")
    orphans.end_all(settings)
    assert {process.wait(5) for process in ours} == {0}
    order = ended(tmp_path)
    assert set(order[:2]) == {"aggregator", "sink"}
    assert order[2:] == ["registry", "kafka"]
    assert other.poll() is None
    assert orphans.left(settings) == {}


def test_what_does_not_end_is_killed_and_with_it_what_it_has_started(settings, start):
    deaf, parent = start("registry", DEAF), start("flink-taskmanager", PARENT)
    child = psutil.Process(int(parent.first))
    orphans.end_all(settings, patience=0.5)
    assert deaf.wait(5) == -9
    assert parent.wait(5) == -15
    with suppress(psutil.NoSuchProcess):
        assert child.status() == psutil.STATUS_ZOMBIE


def test_a_supervisord_that_cannot_be_asked_is_ended_before_what_it_would_start_again(settings, start, tmp_path):
    start("kafka")
    run = settings.home / "run"
    run.mkdir(parents=True)
    (run / "supervisord.pid").touch()
    settings.socket.touch()
    supervisor = start("supervisord", home="elsewhere", more=["-c", str(run / "supervisord.conf")])
    assert orphans.left(settings).keys() == {"kafka", orphans.SUPERVISOR}
    orphans.end_all(settings)
    assert supervisor.wait(5) == 0
    assert ended(tmp_path) == ["supervisord", "kafka"]
    assert list(run.iterdir()) == []


def test_a_relative_home_is_not_that_of_another_clone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Settings(home="data").exported()["FEDLOG_HOME"] == str(tmp_path / "data")


@pytest.fixture
def command(settings, monkeypatch):
    for name in [name for name in os.environ if name.startswith("FEDLOG_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("FEDLOG_HOME", str(settings.home))
    monkeypatch.setattr(lifecycle, "_wait", lambda *_: None)
    monkeypatch.setattr(lifecycle, "_where", lambda *_: None)
    return lambda *argv, **more: CliRunner().invoke(main, argv, **more)


def test_down_ends_what_is_left_and_says_so(command, start, settings):
    assert "Nothing is running" in command("down").output
    kafka = start("kafka")
    said = command("down").output
    assert "An earlier supervisord was killed and has left kafka" in said
    assert "Stopped." in said
    assert kafka.wait(5) == 0


def test_clean_deletes_nothing_under_a_process_that_lives(command, start, settings, monkeypatch):
    settings.home.mkdir()
    kafka, lived = start("kafka"), []
    monkeypatch.setattr(lifecycle.shutil, "rmtree", lambda path, **_: lived.append(kafka.poll()))
    assert "left kafka" in command("clean", "--yes").output
    assert lived == [0, 0]


def test_up_begins_with_what_is_left(command, start, settings, monkeypatch):
    kafka, lived = start("kafka"), []
    monkeypatch.setattr(lifecycle.ports, "taken", lambda _: lived.append(kafka.poll()))
    monkeypatch.setattr(supervision, "start", lambda _: lived.append(kafka.poll()) or True)
    done = command("up")
    assert done.exit_code == 0, done.output
    assert "left kafka" in done.output
    assert lived == [0, 0]
