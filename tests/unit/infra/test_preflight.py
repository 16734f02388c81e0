"""What a machine lacks is said in one sentence each, with the mend, before anything is installed."""

import os
import shutil
import socket
from types import SimpleNamespace

import pytest

from infra import preflight, room
from infra.listening import HOST, PORTS
from infra.settings import Settings
from tests.unit.infra.machine import JAVA_17


def said(machine, up=False, **environment):
    return preflight.complaints(machine.environment | environment, up)


def test_a_machine_that_has_everything_is_not_complained_about(machine):
    assert said(machine) == []


@pytest.mark.parametrize(("shown", "version"), [('java version "1.8.0_292"', 8), ('openjdk version "25" 2025', 25)])
def test_javas_of_all_ages_say_their_version(machine, shown, version):
    machine.has("java", shown)
    assert preflight.java_version("java") == version


@pytest.mark.parametrize("shown", ['java version "1.8.0_292"', 'openjdk version "11.0.1"', "no such thing"])
def test_an_old_java_is_named_with_the_mend(machine, shown):
    machine.has("java", shown)
    [sentence] = said(machine)
    assert "Java 17" in sentence
    assert "FEDLOG_JAVA" in sentence


def test_no_java_at_all_is_named_with_the_mend(machine):
    machine.lacks("java")
    [sentence] = said(machine)
    assert "none on the PATH" in sentence
    assert "FEDLOG_JAVA" in sentence


def test_a_java_that_cannot_compile_is_no_jdk(machine):
    machine.lacks("javac")
    [sentence] = said(machine)
    assert "no compiler" in sentence
    assert "install a JDK" in sentence


def test_another_java_can_be_named_and_is_then_the_one_that_counts(machine, tmp_path):
    good, old = machine.has_jdk(tmp_path / "good"), machine.has_jdk(tmp_path / "old", 'openjdk version "11"')
    machine.lacks("java")
    assert said(machine, FEDLOG_JAVA=str(good)) == []
    assert said(machine, JAVA_HOME=str(good)) == []
    assert said(machine, FEDLOG_JAVA=str(good), JAVA_HOME=str(old)) == []
    machine.has("java", JAVA_17)
    [sentence] = said(machine, JAVA_HOME=str(old))
    assert f"JAVA_HOME={old} is 11" in sentence
    [sentence] = said(machine, FEDLOG_JAVA=str(tmp_path / "nothing"))
    assert "is none" in sentence
    assert said(machine, JAVA_HOME="") == []


def test_a_missing_maven_is_named(machine):
    machine.lacks("mvn")
    [sentence] = said(machine)
    assert "Maven" in sentence


@pytest.mark.parametrize("missing", ["venv", "ensurepip"])
def test_a_python_that_makes_no_environments_is_named(machine, monkeypatch, missing):
    monkeypatch.setattr(preflight, "find_spec", lambda name: None if name == missing else object())
    [sentence] = said(machine)
    assert "python3.11-venv" in sentence


def free_space(monkeypatch, gib):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=gib * 2**30))


def installed(build, *folders):
    for folder in folders:
        (build / folder).mkdir(parents=True, exist_ok=True)
        (build / folder / ".installed").touch()


def test_too_little_disk_is_named_with_both_numbers(machine, monkeypatch):
    free_space(monkeypatch, 3)
    [sentence] = said(machine, UV_CACHE_DIR=str(machine.folder))
    assert "7.5 GiB of disk are needed" in sentence
    assert "3.0 GiB are free" in sentence
    assert str(machine.build) in sentence


def test_what_is_installed_counts_by_its_mark_and_an_interrupted_installation_does_not(machine, monkeypatch):
    free_space(monkeypatch, 3)
    for folder in room.PARTS:
        (machine.build / folder).mkdir(parents=True)
    assert len(said(machine)) == 1
    installed(machine.build, "env/core", "env/spark")
    [sentence] = said(machine, UV_CACHE_DIR=str(machine.folder))
    assert "3.4 GiB" in sentence
    installed(machine.build, *room.PARTS)
    assert said(machine) == []
    free_space(monkeypatch, 1)
    [sentence] = said(machine)
    assert "2.0 GiB" in sentence
    assert str(machine.home) in sentence


def test_each_filesystem_must_have_room_for_what_comes_onto_it(machine, monkeypatch):
    devices = {"build": 1, "home": 2, "caches": 3}
    monkeypatch.setattr(room, "_device", lambda folder: devices[folder.name])
    free_space(monkeypatch, 0.5)
    folders = [machine.folder / name for name in devices]
    sentences = room.complaints(*folders)
    assert len(sentences) == 3
    for folder, needed in zip(folders, ("4.3", "2.0", "4.6"), strict=True):
        assert [sentence for sentence in sentences if f"at {folder}:" in sentence and sentence.startswith(needed)]
    free_space(monkeypatch, 4.5)
    assert len(room.complaints(*folders)) == 1


def test_everything_that_is_missing_is_said_at_once(machine, monkeypatch):
    monkeypatch.setattr(preflight.sys, "version_info", (3, 12, 1))
    machine.lacks("mvn")
    machine.lacks("java")
    assert len(said(machine)) == 3


@pytest.fixture
def taken():
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        yield str(other.getsockname()[1])


@pytest.fixture
def others_free(machine):
    """Every port of the machine's environment is one that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        free = str(probe.getsockname()[1])
    machine.environment |= {f"FEDLOG_{name.upper()}": free for name in PORTS}


def test_a_taken_port_is_said_before_up_and_only_then(machine, others_free, taken):
    [sentence] = said(machine, up=True, FEDLOG_REGISTRY_PORT=taken)
    assert f"Port {taken} is taken" in sentence
    assert "FEDLOG_REGISTRY_PORT" in sentence
    assert said(machine, FEDLOG_REGISTRY_PORT=taken) == []
    assert said(machine, up=True) == []


def test_the_default_ports_are_those_of_the_settings():
    assert {name: Settings.model_fields[name].default for name in PORTS} == {n: p.default for n, p in PORTS.items()}
    assert PORTS.keys() == {name for name in Settings.model_fields if name.endswith("_port")}


@pytest.mark.parametrize(
    "why", [{"FEDLOG_WITHOUT": "superset,registry"}, {"FEDLOG_REGISTRY_URL": "http://elsewhere"}], ids=str
)
def test_what_does_not_run_here_needs_no_port(machine, others_free, taken, why):
    assert said(machine, up=True, FEDLOG_REGISTRY_PORT=taken, **why) == []


def test_the_ports_of_a_system_that_runs_or_was_killed_are_its_own(machine, others_free, taken):
    (machine.home / "run").mkdir(parents=True)
    (machine.home / "run" / "supervisord.pid").touch()
    assert said(machine, up=True, FEDLOG_REGISTRY_PORT=taken) == []


def test_what_is_no_port_is_named(machine, others_free):
    [sentence] = said(machine, up=True, FEDLOG_KAFKA_PORT="many")
    assert "FEDLOG_KAFKA_PORT=many" in sentence


@pytest.mark.parametrize("flags", [(), ("-j4",)], ids=str)
def test_make_says_it_and_starts_nothing(machine, flags):
    machine.lacks("mvn")
    done = machine.make("up", *flags)
    assert done.returncode != 0
    assert "Maven is needed" in done.stderr
    assert "installing" not in done.stdout
    assert not machine.build.exists()
    assert not machine.home.exists()


def test_make_up_with_a_taken_port_installs_and_starts_nothing(machine, taken):
    done = machine.make("up", FEDLOG_MONGO_PORT=taken)
    assert done.returncode != 0
    assert f"Port {taken} is taken by another program: stop that, or set FEDLOG_MONGO_PORT." in done.stderr
    assert "installing" not in done.stdout
    assert not machine.build.exists()
    assert not machine.home.exists()


def test_maven_compiles_with_the_java_that_is_named(machine):
    (machine.bin / "mvn").write_text('#!/bin/bash\necho "BUILD with [$JAVA_HOME]"\n')
    mark = machine.build / "jars" / ".installed"
    mark.parent.mkdir(parents=True)
    assert "BUILD with []" in machine.make(str(mark)).stdout
    os.utime(mark, (0, 0))
    assert "BUILD with [/some jdk]" in machine.make(str(mark), FEDLOG_JAVA="/some jdk").stdout
