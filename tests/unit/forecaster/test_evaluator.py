"""Evaluation is what training does without its learning."""

import jax
import numpy as np
import pytest

from forecaster import course, evaluator, features, online
from forecaster.anomalies import detector
from forecaster.config import Config
from forecaster.course import summary
from forecaster.forecast_table import columns
from forecaster.knowledge import Knowledge, forecast, initial
from schemas.forecasts import FAULTS
from tests.unit.forecaster.series import air

CONFIG = Config()
FIRST = 3_593_000


def model(by: float) -> Knowledge:
    return jax.tree.map(lambda weights: np.asarray(weights + np.float32(by)), initial(CONFIG))


def bins(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Numbers and summaries: two silences, bins without a sensor."""
    random = np.random.default_rng(seed)
    numbers = np.arange(FIRST, FIRST + count + 40)
    numbers = np.delete(numbers, [*range(60, 70), *range(150, 180)])[:count]
    warm = 20 + 3 * np.sin(numbers / 40) + random.normal(0, 0.1, count)
    mean = np.stack([warm, 40 - warm / 4, 300 + random.normal(0, 9, count), 2.7 - numbers % 7 / 200], axis=1)
    low, high = mean - 0.1, mean + 0.1
    summaries = np.stack([np.full_like(mean, 10), mean, low, high, np.full_like(mean, 0.05)], axis=1)
    summaries[random.random(count) < 0.05, :, 1] = np.array([0, np.nan, np.nan, np.nan, np.nan])[:, None].T
    return numbers, summaries.astype(np.float32)


NUMBERS, SUMMARIES = bins(400)
STALE = np.zeros(400, np.int32)


def evaluated(known: Knowledge, version: int = 3, chunk: int = 16):
    start = evaluator.begin(CONFIG)
    return evaluator.run(CONFIG, start, NUMBERS, SUMMARIES, course.numbers(known), version, STALE, chunk)


def test_forecasts_are_those_of_the_model_from_what_the_trainer_observes():
    known = model(0.01)
    _, outputs = evaluated(known)
    learner = online.init(CONFIG)
    for i, number in enumerate(NUMBERS[:120]):
        learner, _ = online.update(CONFIG, learner, np.int32(number), summary(SUMMARIES[i]), np.int32(0))
        observed = features.observe(CONFIG, learner.history)
        wanted = forecast(CONFIG, known, observed, np.int32(number), SUMMARIES[i, 1])
        np.testing.assert_allclose(outputs.forecasts.combined[i], wanted, atol=1e-5)


def test_verdicts_are_those_of_a_trainer_that_stands_on_the_same_model():
    """Calm air for days; then temperature stands still for two hours."""
    values, at = air(1), 3 * CONFIG.day + 100
    values[at : at + 24, :, 0] = values[at, 0, 0]
    missing = np.full((*values.shape[:2], 2), np.nan)
    measured = np.concatenate([values, missing], axis=2)
    counts = np.isfinite(measured).sum(axis=1)
    parts = [counts, *(of(measured, axis=1) for of in (np.mean, np.min, np.max, np.std))]
    summaries = np.stack(parts, axis=1).astype(np.float32)
    known, placed = model(0.0), np.arange(len(values)) + FIRST // CONFIG.day * CONFIG.day
    fresh = np.zeros(len(values), np.int32)
    _, outputs = evaluator.run(CONFIG, evaluator.begin(CONFIG), placed, summaries, course.numbers(known), 3, fresh, 512)
    learner = online.init(CONFIG, known)
    for i, number in enumerate(placed):
        learner, out = online.update(CONFIG, learner, np.int32(number), summary(summaries[i]), np.int32(0))
        np.testing.assert_allclose(outputs.verdict.score[i], out.verdict.score, atol=1e-5)
        np.testing.assert_array_equal(outputs.verdict.kind[i], out.verdict.kind)
    stuck = outputs.verdict.kind[at + 4 : at + 24, 0]
    assert {detector.KINDS[kind] for kind in stuck} == {"stuck"}


def test_what_is_scored_is_what_was_said_then():
    _, outputs = evaluated(model(0.01))
    place = {number: i for i, number in enumerate(NUMBERS.tolist())}
    found = 0
    for i, number in enumerate(NUMBERS.tolist()):
        for h, ahead in enumerate(CONFIG.horizons):
            then = place.get(number - ahead)
            if then is None:
                assert np.isnan(outputs.scored[i, h]).all()
                continue
            np.testing.assert_array_equal(outputs.scored[i, h], outputs.forecasts.combined[then, h])
            np.testing.assert_array_equal(outputs.scored_level[i, h], outputs.level[then])
            found += 1
    assert found > 900


@pytest.mark.parametrize("cut", [1, 7, 399])
def test_however_the_bins_are_cut_everything_is_the_same(cut: int):
    known = course.numbers(model(0.01))
    state, whole = evaluated(model(0.01), chunk=512)
    after = evaluator.begin(CONFIG)
    parts = []
    for begin in range(0, 400, cut):
        some = slice(begin, begin + cut)
        after, out = evaluator.run(CONFIG, after, NUMBERS[some], SUMMARIES[some], known, 3, STALE[some])
        parts.append(out)
    for one, other in zip(state, after, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)
    together = jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)
    for one, other in zip(jax.tree.leaves(whole), jax.tree.leaves(together), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


def test_without_a_model_the_forecast_is_persistence():
    _, outputs = evaluated(initial(CONFIG), version=0)
    for h in range(len(CONFIG.horizons)):
        np.testing.assert_array_equal(outputs.forecasts.combined[:, h], outputs.level)


def test_columns_say_how_old_the_model_was_when_the_forecast_was_made():
    known = course.numbers(model(0.01))
    stale = np.zeros(30, np.int32)
    stale[5:] = 1
    _, outputs = evaluator.run(CONFIG, evaluator.begin(CONFIG), NUMBERS[:30], SUMMARIES[:30], known, 3, stale)
    versions, offsets = np.full(30, 3), np.arange(30)
    table = columns(CONFIG, NUMBERS[:30], versions, offsets, outputs, stale)
    old_from = (NUMBERS[5] + 1) * CONFIG.bin_ms
    assert set(table["scored"]) == {0, 1}
    np.testing.assert_array_equal(table["stale"], table["made_at"] >= old_from)


def test_faults_are_numbered_alike_everywhere():
    assert detector.KINDS == FAULTS
