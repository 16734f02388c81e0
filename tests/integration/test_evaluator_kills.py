"""The streaming evaluator killed in the middle of micro-batches, and once without its checkpoint."""

import random
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from tests.integration.conftest import Log
from tests.integration.evaluators import CONFIG, Bench, Forecasts, forms, kill, model, readings

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1500)]

DEVICES = tuple(f"mote-{number:02}" for number in range(1, 31))
KILLS = 10
SEED = 6
PATIENCE_S = 300
"""For an evaluator that starts: other tests share the cores."""


def test_after_ten_kills_and_a_lost_checkpoint_nothing_is_missing_or_doubled(log: Log, tmp_path: Path):
    (tmp_path / "spark").mkdir()
    bench, chance = Bench(log, tmp_path / "spark"), random.Random(SEED)
    slices = [readings(DEVICES, (5 * turn, 5 * turn + 5), every_minutes=1) for turn in range(KILLS + 2)]
    for turn, own in enumerate(slices[:-1]):
        bench.send(*own)
        if turn % 2:
            bench.send(model(1 + turn // 2))
        if turn == KILLS:
            shutil.rmtree(bench.folder)
            bench.folder.mkdir()
        begun = bench.count("predictions")
        # Small batches, of which there are some in each life: the kill falls into one.
        with bench.streaming("--readings-a-batch", "1500") as process:
            deadline = time.monotonic() + PATIENCE_S
            while bench.count("predictions") < begun + 100:
                assert time.monotonic() < deadline
                time.sleep(0.1)
            time.sleep(chance.random() * 2)
            kill(process)
    bench.send(*slices[-1])
    core = Forecasts([reading for own in slices for reading in own])
    newest = max(at for _, at in core.seen)
    with bench.streaming():
        made = bench.wait(
            lambda made: {e.device_id for e in made if e.made_at == newest and e.actual is None} == set(DEVICES), 240
        )
    found = forms(made)  # whatever came twice was the same
    unscored = [event for (_, scored), event in found.items() if not scored]
    assert sorted((e.device_id, e.made_at, e.horizon_ms) for e in unscored) == sorted(
        (*place, horizon_ms) for place in core.seen for horizon_ms in CONFIG.horizons_ms
    )
    scored = {prediction_id for prediction_id, is_scored in found if is_scored}
    assert scored == {e.prediction_id for e in unscored if (e.device_id, e.target_at) in core.seen}
    assert len({event.model_version for event in unscored}) > 3
    for event in unscored:
        values = core(event.model_version, event.device_id, event.made_at, event.horizon_ms)
        np.testing.assert_allclose(event.forecast, values, atol=1e-5, rtol=1e-6)  # of float32, in lux
    for (prediction_id, is_scored), event in found.items():
        if is_scored:
            assert event.forecast == found[prediction_id, False].forecast
    assert len(made) > len(found), "no kill fell into a batch"
