import json
import logging
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from infra.settings import ROOT
from producers import intel_lab, source
from producers.__main__ import main
from producers.dataset import DataError
from producers.download import DownloadError
from producers.source import open_source

ROW = "2004-03-04 00:01:00 2 2 20 40 100 2.6\n"


@pytest.fixture
def raw(tmp_path):
    path = tmp_path / "my.txt"
    path.write_text(ROW)
    return path


@pytest.fixture
def no_network(monkeypatch):
    tried = []

    def fail(cache):
        tried.append(cache)
        raise DownloadError("no route to host")

    monkeypatch.setattr(intel_lab, "download", fail)
    return tried


def test_a_path_is_that_file(raw, tmp_path, no_network):
    data = open_source(str(raw), tmp_path / "cache", 7, 1)
    assert (data.name, len(data.rows), no_network) == ("intel_lab", 1, [])


def test_synthetic_does_not_try_the_network_and_is_loud(tmp_path, no_network, caplog):
    data = open_source("synthetic", tmp_path, 5, 1)
    assert (data.name, no_network) == ("synthetic-seed5", [])
    assert any("SYNTHETIC" in r.message and r.levelno == logging.WARNING for r in caplog.records)


def test_nothing_asked_for_is_the_published_file(raw, tmp_path, monkeypatch):
    monkeypatch.setattr(intel_lab, "download", lambda cache: raw)
    assert open_source("", tmp_path / "cache", 7, 1).name == "intel_lab"


def test_without_network_it_is_synthetic_and_says_why(tmp_path, no_network, caplog):
    assert open_source("", tmp_path, 7, 1).name == "synthetic-seed7"
    assert len(no_network) == 1
    assert any("SYNTHETIC" in r.message and "no route to host" in r.message for r in caplog.records)


def test_a_synthetic_replay_goes_on_though_the_network_is_back(tmp_path, no_network):
    assert open_source("", tmp_path, 7, 1, on_log="synthetic-seed4").name == "synthetic-seed4"
    assert no_network == []


def test_a_real_replay_never_goes_on_with_synthetic_data(tmp_path, no_network):
    with pytest.raises(DataError, match="no route to host"):
        open_source("", tmp_path, 7, 1, on_log="intel_lab")


def test_a_generated_file_says_that_it_is_synthetic(tmp_path):
    result = CliRunner().invoke(main, ["generate", "--out", str(tmp_path), "--seed", "9", "--days", "1"])
    assert result.exit_code == 0
    path = tmp_path / result.output.strip().rsplit("/", 1)[-1]
    assert source.name_of(path) == "synthetic-seed9"
    assert open_source(str(path), tmp_path / "cache", 7, 1).name == "synthetic-seed9"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--data", "/no/such/file"], "Error: /no/such/file is not a file"),
        (["--speed", "0"], "neither a number above 0 nor `max`"),
        (["--speed", "fast"], "neither a number above 0 nor `max`"),
        (["--laps", "0"], "laps"),
    ],
)
def test_wrong_use_is_one_clear_error(arguments, says):
    result = CliRunner().invoke(main, ["--bootstrap", "127.0.0.1:1", "--registry", "http://127.0.0.1:1", *arguments])
    assert result.exit_code == 2
    assert says in result.output


def test_where_lines_are_objects_the_last_word_is_one_too(tmp_path):
    argv = [sys.executable, "-m", "producers", "--bootstrap", "127.0.0.1:1", "--registry", "http://127.0.0.1:1"]
    environment = os.environ | {"FEDLOG_LOG_FORMAT": "json", "FEDLOG_SERVICE": "producer"}
    argv += ["--data", "/no/such/file", "--cache", str(tmp_path)]
    done = subprocess.run(argv, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    *_, last = map(json.loads, done.stderr.splitlines())
    assert (last["level"], last["service"]) == ("ERROR", "producer")
    assert last["message"].startswith("/no/such/file is not a file")


def test_data_without_a_valid_row_is_one_clear_error(tmp_path):
    (tmp_path / "bad.txt").write_text("hello\n")
    arguments = ["--bootstrap", "127.0.0.1:1", "--registry", "http://127.0.0.1:1", "--cache", str(tmp_path / "cache")]
    result = CliRunner().invoke(main, [*arguments, "--data", str(tmp_path / "bad.txt")])
    assert result.exit_code == 2
    assert result.output.splitlines()[-1].startswith("Error: ")
    assert "no valid row" in result.output


def test_addresses_are_needed():
    result = CliRunner().invoke(main, [])
    assert result.exit_code == 2
    assert "--bootstrap is missing" in result.output
