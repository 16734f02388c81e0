"""A micro-batch keeps its version over crashes, and what is followed never goes back."""

from pathlib import Path

import pytest

from spark_analytics.choice import Pin
from spark_analytics.pins import PinnedTwiceError, Pins


def wanted(version: int, followed: int) -> Pin:
    return Pin(version, followed, followed * 1000, 500)


def test_a_batch_that_is_run_again_keeps_its_pin(tmp_path: Path):
    path = tmp_path / "pin.json"
    asked = [(0, 3), (0, 9), (1, 9), (1, 12)]
    found = [Pins(path).pin(batch, wanted(version, version)) for batch, version in asked]
    assert found == [wanted(3, 3), wanted(3, 3), wanted(9, 9), wanted(9, 9)]


def test_a_version_goes_back_only_where_a_newer_one_says_so(tmp_path: Path):
    pins = Pins(tmp_path / "pin.json")
    pins.pin(0, wanted(7, 7))
    with pytest.raises(PinnedTwiceError):
        pins.pin(1, wanted(6, 6))
    assert pins.pin(1, wanted(3, 8)).version == 3
    with pytest.raises(PinnedTwiceError):
        Pins(tmp_path / "pin.json").pin(2, wanted(7, 7))
    assert Pins(tmp_path / "pin.json").pin(2, wanted(9, 9)).version == 9


def test_what_a_crash_left_unfinished_does_not_count(tmp_path: Path):
    path = tmp_path / "pin.json"
    Pins(path).pin(0, wanted(3, 3))
    path.with_suffix(".partial").write_text('{"batch": 1, "vers')
    assert Pins(path).pin(0, wanted(9, 9)) == wanted(3, 3)
    assert Pins(path).pin(1, wanted(9, 9)) == wanted(9, 9)
