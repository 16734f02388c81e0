"""What make says where there is nothing yet, and what the commands say to a person."""

import io
import re
import subprocess

import pytest
from click.testing import CliRunner
from rich.console import Console

from infra import __main__ as commands
from infra import supervision
from infra.services import folder, services
from infra.settings import ROOT, Settings

ROWS = [
    {"name": "kafka", "state": "healthy", "address": "127.0.0.1:9092"},
    {"name": "contracts", "state": "finished", "address": ""},
    {"name": "spark", "state": "starting", "address": "http://127.0.0.1:4040"},
    {"name": "mongo", "state": "down", "address": "mongodb://127.0.0.1:27017"},
    {"name": "sink", "state": "failed", "address": ""},
]
FOUND = {
    "services": ROWS,
    "topics": {"iot_stream": {"events": 1_234_567}, "predictions": {"events": None}},
    "global_model": {"version": 41, "window_end": "2004-03-01T12:00:00Z"},
    "mongo": {"predictions": None, "sensor_readings": 12},
}


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("FEDLOG_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def invoke(*argv, **more):
    return CliRunner().invoke(commands.main, argv, **more)


@pytest.mark.parametrize("command", ["status", "down", "logs", "models", "watch", "verify", "tail TOPIC=predictions"])
def test_where_nothing_is_installed_a_command_says_so_in_a_sentence(machine, command):
    (machine.build / "env" / "core" / "bin").mkdir(parents=True)
    (machine.build / "env" / "core" / "bin" / "python").touch()  # of an installation that was interrupted
    done = machine.make(*command.split())
    assert done.returncode != 0
    [sentence] = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    assert sentence == "Nothing is installed yet: `make up`."
    assert done.stdout == ""


def test_where_nothing_is_installed_there_is_nothing_to_delete(machine):
    done = machine.make("clean")
    assert done.returncode == 0
    assert "Nothing is installed yet" in done.stdout


def test_make_alone_says_what_can_be_done(machine):
    done = machine.make()
    assert done.returncode == 0, done.stderr
    listed = dict(re.findall(r"^  make ([a-z-]+) +(\S.*)$", done.stdout, re.MULTILINE))
    [phony] = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert listed.keys() == set(phony.split()) - {"install", "preflight"}
    assert machine.make("help").stdout == done.stdout


@pytest.mark.parametrize("command", ["up", "status"])
@pytest.mark.parametrize("value", ["nan", "inf", "-0.1", "10.5", "much"])
@pytest.mark.parametrize("name", ["FEDLOG_STALENESS_EXPONENT", "FEDLOG_PROMOTION_MARGIN"])
def test_a_setting_that_cannot_be_is_refused_in_a_sentence_before_anything_is_done(
    home, monkeypatch, name, value, command
):
    monkeypatch.setenv(name, value)
    # Where it were not refused, a system would be started, and outlive the test.
    monkeypatch.delattr(supervision, "start")
    monkeypatch.setattr(commands, "status_of", lambda settings: FOUND)
    done = invoke(command)
    assert (done.exit_code, done.output.count("\n")) == (1, 1)
    assert done.output.startswith(f"Error: {name}={value}: Input should be ")
    assert not home.exists()


def test_status_is_a_table_that_says_what_is_down(home, monkeypatch):
    out = io.StringIO()
    monkeypatch.setattr(commands, "status_of", lambda settings: FOUND)
    monkeypatch.setattr(commands, "console", Console(file=out, width=100, force_terminal=True, color_system="standard"))
    assert invoke("status").exit_code == 0
    red, yellow, green = "\x1b[31m", "\x1b[33m", "\x1b[32m"
    for name, colour in (("mongo", red), ("sink", red), ("spark", yellow), ("kafka", green), ("contracts", green)):
        [row] = [row for row in ROWS if row["name"] == name]
        [line] = [line for line in out.getvalue().splitlines() if f" {name} " in line]
        assert f"{colour}{row['state']}" in line
        assert row["address"] in re.sub(r"\x1b\[[\d;]*m", "", line)
    shown = [re.sub(r"[│┃|]", " ", re.sub(r"\x1b\[[\d;]*m", "", line)).split() for line in out.getvalue().splitlines()]
    assert ["iot_stream", "1,234,567"] in shown
    assert ["predictions", "unknown"] in shown
    assert ["mongo:", "predictions", "unknown"] in shown
    assert "version 41, window to 2004-03-01T12:00:00Z" in re.sub(r"\x1b\[[\d;]*m", "", out.getvalue())


def test_logs_are_those_of_a_service_or_of_all(home, monkeypatch):
    followed, settings = [], Settings()
    monkeypatch.setattr(subprocess, "run", lambda argv, check: followed.append(argv))
    assert invoke("logs", "kafka").exit_code == 0
    assert invoke("logs").exit_code == 0
    assert [argv[0] for argv in followed] == ["tail", "tail"]
    assert followed[0][-1:] == [str(folder(settings, "kafka"))]
    assert followed[1][-len(services(settings)) :] == [str(folder(settings, name)) for name in services(settings)]
    unknown = invoke("logs", "kafak")
    assert unknown.exit_code != 0
    assert "no service kafak: there are kafka, registry" in unknown.output
    assert len(followed) == 2


def test_make_logs_names_the_service(machine):
    python = machine.build / "env" / "core" / "bin"
    machine.has("python", where=python)
    (python / "python").write_text('#!/bin/sh\necho "$@"\n')
    (python.parent / ".installed").touch()
    assert machine.make("logs", "SERVICE=kafka").stdout.split() == ["-m", "infra", "logs", "kafka"]
    assert machine.make("logs").stdout.split() == ["-m", "infra", "logs"]


@pytest.mark.parametrize(("answer", "stays"), [("n\n", True), ("\n", True), ("", True), ("y\n", False)])
def test_data_is_deleted_only_by_who_says_so(home, answer, stays):
    for kept in (home / "kafka" / "log", home / "models" / "global"):
        kept.mkdir(parents=True)
        (kept / "data").touch()
    done = invoke("clean", input=answer)
    assert f"Delete {home}" in done.output
    assert (done.exit_code != 0) == stays
    assert ("Deleted." in done.output) != stays
    assert (home / "kafka" / "log" / "data").exists() == stays
    assert (home / "models" / "global" / "data").exists() == stays
    assert home.exists() == stays
