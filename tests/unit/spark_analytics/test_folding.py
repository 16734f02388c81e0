"""Rows carry closed bins and dead letters between Spark's operators without loss."""

import numpy as np
import pandas as pd
import pytest

from forecaster.config import Config
from schemas.codec import Codec
from schemas.wire import Origin, dead_letter
from spark_analytics.device import empty
from spark_analytics.folding import Folded, evaluated, letters, rows
from tests.unit.spark_analytics.test_evaluation import evaluated as bins_of_a_device


class PlainCodec(Codec):
    """Keeps events as they are: no registry, for what is under test is the rows."""

    def __init__(self) -> None:
        self.kept: list = []

    def encode(self, event):
        self.kept.append(event)
        return type("Record", (), {"value": str(len(self.kept) - 1).encode()})

    def decode(self, topic, value, key=None):
        return self.kept[int(value)]


LETTER = dead_letter("spark_analytics", Origin("iot_stream", 1, 2, b"mote-01", 3), b"bad", ValueError("bad"))


@pytest.mark.parametrize("count", [0, 1, 50])
@pytest.mark.parametrize("bad", [0, 2])
def test_bins_and_letters_come_back(count: int, bad: int):
    codec, bins = PlainCodec(), bins_of_a_device()[:count]
    frame = rows(codec, Folded(empty(Config()), bins, [LETTER] * bad))
    assert len(frame) == count + bad
    assert list(letters(codec, frame)) == [LETTER] * bad
    back = list(evaluated(frame))
    assert len(back) == count
    for before, after in zip(bins, back, strict=True):
        assert (after.device_id, after.partition) == (before.device_id, before.partition)
        assert after.closed.now.number == before.closed.now.number
        np.testing.assert_array_equal(after.closed.now.observed, before.closed.now.observed)
        np.testing.assert_array_equal(after.closed.now.level, before.closed.now.level)
        assert [p and p.number for p in after.closed.past] == [p and p.number for p in before.closed.past]


def test_what_a_row_lacks_is_none_and_not_nan():
    """NaN in the place of an array is what Spark's conversion to Arrow fails on."""
    frame: pd.DataFrame = rows(PlainCodec(), Folded(empty(Config()), [], [LETTER]))
    assert frame["observed"].tolist() == [None]
    assert frame["number"].tolist() == [None]
