"""What the log said is kept for as long as the checkpoint is, and no longer."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from spark_analytics import past
from spark_analytics.choice import Run, Runs


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Runs:
    """What the topic tells of, without Kafka; a test may add to it."""
    said: dict[str, list[Run]] = {}
    monkeypatch.setattr(past, "read", lambda bootstrap, codec: said)
    return said


def kept(checkpoint: Path) -> Runs:
    checkpoint.mkdir(exist_ok=True)
    codec: Any = None
    return past.kept(checkpoint, "", codec)


def test_a_checkpoint_keeps_what_the_log_said_when_it_was_begun(log: Any, tmp_path: Path):
    log["mote-01"] = [Run(0, 300, 2, 0)]
    assert kept(tmp_path / "checkpoint") == log
    log["mote-01"] = [Run(0, 300, 2, 0), Run(600, 900, 3, 1)]
    assert kept(tmp_path / "checkpoint") == {"mote-01": [Run(0, 300, 2, 0)]}


def test_without_its_checkpoint_the_log_is_read_again(log: Any, tmp_path: Path):
    assert kept(tmp_path / "checkpoint") == {}
    log["mote-01"] = [Run(0, 300, 2, 0), Run(600, 900, 3, 1)]
    shutil.rmtree(tmp_path / "checkpoint")
    assert kept(tmp_path / "checkpoint") == log
