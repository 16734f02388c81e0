"""A micro-batch keeps its version over crashes, and what is followed never goes back."""

import shutil
from pathlib import Path

import pytest

from spark_analytics.choice import Pin
from spark_analytics.pins import PinnedTwiceError, Pins


def wanted(version: int, followed: int) -> Pin:
    return Pin(version, followed, followed * 1000, 500)


def test_a_batch_that_is_run_again_keeps_its_pin(tmp_path: Path):
    asked = [(0, 3), (0, 9), (1, 9), (1, 12)]
    found = [Pins(tmp_path).pin(batch, wanted(version, version)) for batch, version in asked]
    assert found == [wanted(3, 3), wanted(3, 3), wanted(9, 9), wanted(9, 9)]


def test_a_version_goes_back_only_where_a_newer_one_says_so(tmp_path: Path):
    pins = Pins(tmp_path)
    pins.pin(0, wanted(7, 7))
    with pytest.raises(PinnedTwiceError):
        pins.pin(1, wanted(6, 6))
    assert pins.pin(1, wanted(3, 8)).version == 3
    with pytest.raises(PinnedTwiceError):
        Pins(tmp_path).pin(2, wanted(7, 7))
    assert Pins(tmp_path).pin(2, wanted(9, 9)).version == 9


def test_what_a_crash_left_unfinished_does_not_count(tmp_path: Path):
    Pins(tmp_path).pin(0, wanted(3, 3))
    (tmp_path / "pin.partial").write_text('{"batch": 1, "vers')
    assert Pins(tmp_path).pin(0, wanted(9, 9)) == wanted(3, 3)
    assert Pins(tmp_path).pin(1, wanted(9, 9)) == wanted(9, 9)


def test_a_pin_does_not_outlive_the_checkpoint(tmp_path: Path):
    checkpoint = tmp_path / "checkpoint"
    checkpoint.mkdir()
    Pins(checkpoint).pin(0, wanted(9, 9))
    shutil.rmtree(checkpoint)
    checkpoint.mkdir()
    assert Pins(checkpoint).pin(0, wanted(3, 3)) == wanted(3, 3)
