"""The streaming evaluator killed in the middle of micro-batches, the last time on its way back without a checkpoint."""

import random
import shutil
import time
from pathlib import Path

import pytest

from tests.integration.conftest import Log
from tests.integration.evaluators import CONFIG, Bench, Forecasts, assert_forecast, forms, kill, model, readings

pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.timeout(1500)]

DEVICES = tuple(f"mote-{number:02}" for number in range(1, 31))
KILLS = 10
HOURS = 2
SEED = 6
SMALL = ("--readings-a-batch", "500")
"""There are some batches in each life."""


def fall_into_a_batch(bench: Bench, chance: random.Random, sending: bool) -> None:
    """Wait for the middle of a micro-batch, after this life has ended one: where it sends, or anywhere."""
    done = bench.newest("commits")
    bench.until(lambda: bench.newest("commits") > done)
    sent = bench.count("predictions")
    bench.until(bench.begun)
    if sending:
        bench.until(lambda: bench.count("predictions") > sent)
    else:
        time.sleep(chance.random())


def test_after_ten_kills_and_a_lost_checkpoint_nothing_is_missing_or_doubled(log: Log, tmp_path: Path):
    (tmp_path / "spark").mkdir()
    bench, chance, unfinished = Bench(log, tmp_path / "spark"), random.Random(SEED), 0
    slices = [readings(DEVICES, (HOURS * turn, HOURS * turn + HOURS), every_minutes=1) for turn in range(KILLS + 1)]
    for turn, own in enumerate(slices[:-1]):
        bench.send(*own)
        if turn % 2:
            bench.send(model(1 + turn // 2))
        if turn == KILLS - 1:
            made = bench.events("predictions")
            assert len(made) > len(forms(made)), "nothing was sent and not committed"
            (checkpoint,) = bench.folder.glob("state-*/checkpoint")
            shutil.rmtree(checkpoint)
        with bench.streaming(*SMALL) as process:
            fall_into_a_batch(bench, chance, sending=turn % 2 == 0)
            kill(process)
        unfinished += bench.begun()
    assert unfinished > KILLS / 2, "most kills fell between micro-batches"
    bench.send(*slices[-1])
    with bench.streaming():
        bench.until(bench.read)
    core = Forecasts([reading for own in slices for reading in own])
    found = forms(bench.events("predictions"))  # whatever came twice was the same
    unscored = [event for (_, scored), event in found.items() if not scored]
    assert sorted((e.device_id, e.made_at, e.horizon_ms) for e in unscored) == sorted(
        (*place, horizon_ms) for place in core.seen for horizon_ms in CONFIG.horizons_ms
    )
    scored = {prediction_id for prediction_id, is_scored in found if is_scored}
    assert scored == {e.prediction_id for e in unscored if (e.device_id, e.target_at) in core.seen}
    assert len({event.model_version for event in unscored}) > 3
    for event in unscored:
        assert_forecast(event, core)
    for (prediction_id, is_scored), event in found.items():
        if is_scored:
            assert event.forecast == found[prediction_id, False].forecast
