"""The evaluators' step sees what the trainer sees."""

import numpy as np
import pytest

from forecaster import features, online
from forecaster.bins import LateReadingError
from forecaster.config import Config
from schemas.events import Reading
from spark_analytics.device import Closed, Device, empty, from_bytes, step, to_bytes
from tests.unit.forecaster.series import single

CONFIG = Config()
START = 1_078_000_000_000 // CONFIG.bin_ms * CONFIG.bin_ms


def reading(minutes: float, temperature: float | None) -> Reading:
    at = START + int(minutes * 60_000)
    return Reading("mote-01", at, None, temperature, 40.0, 100.0 + minutes, 2.6, "test")


def series(bins: int) -> list[Reading]:
    """Two readings a bin, a silence of an hour, a bin without temperature."""
    made = []
    for i in range(bins):
        if 20 <= i < 32:
            continue
        warm = None if i == 40 else 20 + 3 * np.sin(i / 30)
        made += [reading(5 * i + 1, warm), reading(5 * i + 3, None if warm is None else warm + 0.1)]
    return made


def run(readings: list[Reading], through_bytes: bool = False) -> list[Closed]:
    device, closed = empty(CONFIG), []
    for offset, item in enumerate(readings):
        device, bin_ = step(CONFIG, device, item, offset, batch=offset // 50)
        if through_bytes:
            device = from_bytes(to_bytes(device))
        if bin_ is not None:
            closed.append(bin_)
    return closed


def test_what_is_observed_and_levels_are_those_of_the_trainer():
    learner = online.init(CONFIG)
    for closed in run(series(80)):
        number, level = np.int32(closed.now.number), closed.now.level
        learner, _ = online.update(CONFIG, learner, number, single(level), np.int32(0))
        np.testing.assert_allclose(closed.now.observed, features.observe(CONFIG, learner.history), atol=1e-6)
        np.testing.assert_array_equal(closed.now.level, learner.history.values[0])


def test_the_past_of_a_bin_is_the_bins_one_horizon_before():
    closed = run(series(80))
    by_number = {item.now.number: item.now for item in closed}
    seen = 0
    for item in closed:
        for ahead, past in zip(CONFIG.horizons, item.past, strict=True):
            expected = by_number.get(item.now.number - ahead)
            if expected is None:
                assert past is None
                continue
            assert past is not None
            assert (past.number, past.batch) == (expected.number, expected.batch)
            np.testing.assert_array_equal(past.observed, expected.observed)
            np.testing.assert_array_equal(past.level, expected.level)
            seen += 1
    assert seen > 100


def test_the_state_survives_bytes():
    plain, through = run(series(60)), run(series(60), through_bytes=True)
    assert len(plain) == len(through) > 40
    for a, b in zip(plain, through, strict=True):
        np.testing.assert_array_equal(a.now.observed, b.now.observed)
        assert [p and p.number for p in a.past] == [p and p.number for p in b.past]


def test_a_late_reading_leaves_the_state_as_it_was():
    device: Device = empty(CONFIG)
    for offset, item in enumerate(series(3)):
        device, _ = step(CONFIG, device, item, offset, 0)
    before = to_bytes(device)
    with pytest.raises(LateReadingError):
        step(CONFIG, device, reading(0, 20.0), 99, 0)
    assert to_bytes(device) == before
