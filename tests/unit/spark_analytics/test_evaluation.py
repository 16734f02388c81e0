"""Forecasts are the core's, and what is scored is what was emitted."""

import jax
import numpy as np

from forecaster.config import Config
from forecaster.knowledge import Knowledge, forecast, initial
from schemas.events import SENSORS, Prediction
from spark_analytics.evaluation import Evaluated, predictions
from tests.unit.spark_analytics.test_device import run, series

CONFIG = Config()


def moved(by: float) -> Knowledge:
    return jax.tree.map(lambda weights: np.asarray(weights + np.float32(by)), initial(CONFIG))


MODELS = {0: initial(CONFIG), 1: moved(0.01), 2: moved(-0.02)}
VERSIONS = {0: 0, 1: 1, 2: 2, 3: 2}


def evaluated() -> list[Evaluated]:
    return [Evaluated("mote-01", "test", 3, closed) for closed in run(series(80))]


def events() -> list[Prediction]:
    return list(predictions(CONFIG, "stream", evaluated(), VERSIONS, MODELS))


def test_every_forecast_is_the_cores_with_the_version_it_names():
    made = {(e.made_at, e.horizon_ms): e for e in events() if e.actual is None}
    assert {e.model_version for e in made.values()} == {0, 1, 2}
    checked = 0
    for item in evaluated():
        now = item.closed.now
        version = VERSIONS[now.batch]
        expected = np.asarray(forecast(CONFIG, MODELS[version], now.observed, np.int32(now.number), now.level))
        for h, horizon_ms in enumerate(CONFIG.horizons_ms):
            event = made[((now.number + 1) * CONFIG.bin_ms, horizon_ms)]
            assert event.model_version == version
            for s in range(len(SENSORS)):
                if np.isnan(expected[h, s]):
                    assert event.forecast[s] is None
                else:
                    np.testing.assert_allclose(event.forecast[s], expected[h, s], atol=1e-5)
                    checked += 1
    assert checked > 500


def test_version_0_forecasts_persistence_until_something_is_usual():
    first = [item.closed.now.number for item in evaluated()][: CONFIG.half_hour]
    zero = [e for e in events() if e.model_version == 0 and e.made_at <= (max(first) + 1) * CONFIG.bin_ms]
    assert len(zero) >= len(first)
    assert all(e.forecast == e.persistence for e in zero)


def test_the_scored_form_repeats_what_was_emitted_and_adds_the_truth():
    made = {e.prediction_id: e for e in events() if e.actual is None}
    scored = [e for e in events() if e.actual is not None]
    levels = {(item.closed.now.number + 1) * CONFIG.bin_ms: item.closed.now.level for item in evaluated()}
    assert len(scored) > 100
    for event in scored:
        first = made[event.prediction_id]
        assert event.forecast == first.forecast
        assert event.model_version == first.model_version
        for s in range(len(SENSORS)):
            truth = float(levels[event.target_at][s])
            if np.isnan(truth):
                assert event.actual[s] is None
                assert event.error[s] is None
            elif event.forecast[s] is not None:
                assert event.actual[s] == truth
                assert event.error[s] == event.forecast[s] - truth


def test_one_bin_at_a_time_gives_the_same_events():
    one_by_one = [e for item in evaluated() for e in predictions(CONFIG, "stream", [item], VERSIONS, MODELS)]
    assert {(e.prediction_id, e.actual is None): e for e in one_by_one} == {
        (e.prediction_id, e.actual is None): e for e in events()
    }


def test_ids_name_the_version_where_several_may_forecast_the_same_moment():
    some = list(predictions(CONFIG, "batch", evaluated(), dict.fromkeys(range(9), 2), MODELS, named=True))
    assert all(e.prediction_id.startswith("batch/mote-01/") and e.prediction_id.endswith("/v2") for e in some)
