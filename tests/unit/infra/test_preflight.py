"""What a machine lacks is said in one sentence each, with the mend, before anything is installed."""

import os
import shutil
import subprocess
import sys
from types import SimpleNamespace

import pytest

from infra import preflight
from infra.settings import ROOT


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A PATH of our own, with a java that says which version it is and a Maven."""
    folder = tmp_path / "bin"
    folder.mkdir()
    real_path = os.environ["PATH"]
    monkeypatch.setenv("PATH", str(folder))

    def has(name, text="", where=folder):
        where.mkdir(parents=True, exist_ok=True)
        (where / name).write_text(f"#!/bin/sh\necho '{text}' >&2\n")
        (where / name).chmod(0o755)

    has("mvn")
    has("java", 'openjdk version "17.0.2" 2022-01-18')
    return SimpleNamespace(has=has, folder=folder, build=tmp_path / "build", real_path=real_path)


def test_a_machine_that_has_everything_is_not_complained_about(machine):
    assert preflight.complaints(machine.build, {}) == []


@pytest.mark.parametrize(("shown", "version"), [('java version "1.8.0_292"', 8), ('openjdk version "25" 2025', 25)])
def test_javas_of_all_ages_say_their_version(machine, shown, version):
    machine.has("java", shown)
    assert preflight.java_version("java") == version


@pytest.mark.parametrize("shown", ['java version "1.8.0_292"', 'openjdk version "11.0.1"', "no such thing"])
def test_an_old_java_is_named_with_the_mend(machine, shown):
    machine.has("java", shown)
    [sentence] = preflight.complaints(machine.build, {})
    assert "Java 17" in sentence
    assert "FEDLOG_JAVA" in sentence


def test_another_java_can_be_named(machine, tmp_path):
    (machine.folder / "java").unlink()
    machine.has("java", 'openjdk version "21"', tmp_path / "jdk" / "bin")
    assert len(preflight.complaints(machine.build, {})) == 1
    assert preflight.complaints(machine.build, {"FEDLOG_JAVA": str(tmp_path / "jdk")}) == []


def test_a_missing_maven_is_named(machine):
    (machine.folder / "mvn").unlink()
    [sentence] = preflight.complaints(machine.build, {})
    assert "Maven" in sentence


def test_too_little_disk_is_named_with_both_numbers(machine, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=3 * 2**30))
    [sentence] = preflight.complaints(machine.build, {})
    assert "6 GiB" in sentence
    assert "3.0 GiB" in sentence
    machine.build.mkdir()
    assert preflight.complaints(machine.build, {}) == []


def test_everything_that_is_missing_is_said_at_once(machine, monkeypatch):
    monkeypatch.setattr(preflight.sys, "version_info", (3, 12, 1))
    (machine.folder / "mvn").unlink()
    (machine.folder / "java").unlink()
    assert len(preflight.complaints(machine.build, {})) == 3


def test_make_says_it_and_starts_nothing(machine, tmp_path):
    (machine.folder / "mvn").unlink()
    for tool in ("make", "bash", "find"):
        (machine.folder / tool).symlink_to(shutil.which(tool, path=machine.real_path))
    nothing = tmp_path / "nothing"
    done = subprocess.run(
        ["make", "up", f"PYTHON={sys.executable}"],
        cwd=ROOT,
        env={"PATH": str(machine.folder), "FEDLOG_BUILD": str(nothing), "FEDLOG_HOME": str(nothing)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "Maven is needed" in done.stderr
    assert not nothing.exists()
