"""A micro-batch keeps its version over crashes, and versions never go back."""

from pathlib import Path

import pytest

from spark_analytics.pins import PinnedTwiceError, Pins


def test_a_batch_that_is_run_again_keeps_its_version(tmp_path: Path):
    path = tmp_path / "pins.jsonl"
    asked = [(0, 3, 3), (1, 5, 5), (1, 9, 9), (0, 9, 9)]
    assert [Pins(path).pin(*one) for one in asked] == [3, 5, 5, 3]
    assert Pins(path).versions == {0: 3, 1: 5}


def test_a_version_goes_back_only_where_a_newer_one_says_so(tmp_path: Path):
    pins = Pins(tmp_path / "pins.jsonl")
    pins.pin(0, 7, 7)
    with pytest.raises(PinnedTwiceError):
        pins.pin(1, 6, 6)
    assert pins.pin(1, 8, 3) == 3
    with pytest.raises(PinnedTwiceError):
        Pins(tmp_path / "pins.jsonl").pin(2, 7, 7)
    assert Pins(tmp_path / "pins.jsonl").pin(2, 9, 9) == 9


@pytest.mark.parametrize("cut", range(1, 42))
def test_a_line_that_a_crash_cut_short_is_passed_over(tmp_path: Path, cut: int):
    path = tmp_path / "pins.jsonl"
    Pins(path).pin(0, 3, 3)
    whole = path.read_bytes()
    Pins(path).pin(1, 4, 4)
    path.write_bytes(path.read_bytes()[: len(whole) + cut])
    again = Pins(path)
    assert again.pin(0, 9, 9) == 3
    assert again.pin(1, 8, 8) in (4, 8)
    assert Pins(path).versions == again.versions
