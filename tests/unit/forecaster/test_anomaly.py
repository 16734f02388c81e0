import numpy as np
import pytest

from forecaster import anomaly
from forecaster.anomaly import FLOOR, WARM_UP, Usual
from forecaster.config import SCALES
from tests.unit.forecaster.series import TINY

HORIZONS, SENSORS = TINY.outputs


def fed(residuals, usual=None):
    usual, scores = anomaly.init(TINY) if usual is None else usual, []
    for residual in residuals:
        usual, score = anomaly.update(usual, np.asarray(residual, np.float32))
        scores.append(np.asarray(score))
    return usual, np.array(scores)


def noise(n, sensors=(0, 1, 2, 3), seed=0, size=1.0):
    """Residuals [n, horizons, sensors] in the sensors' units; NaN for the sensors not named."""
    made = np.random.default_rng(seed).normal(0, size, (n, HORIZONS, SENSORS)) * np.array(SCALES)
    made[:, :, [s for s in range(SENSORS) if s not in sensors]] = np.nan
    return made


def independent(residuals, horizon):
    """The score of one horizon in plain Python floats."""
    size, seen, scores = [0.0] * SENSORS, [0] * SENSORS, []
    for row in residuals:
        ratios = []
        for s in range(SENSORS):
            value = abs(row[horizon][s]) / SCALES[s]
            if not np.isfinite(value):
                continue
            base = max(size[s], FLOOR)
            if seen[s] >= WARM_UP:
                ratios.append(value / base)
                value = min(value, 3 * base)
            size[s] += max(0.01, 1 / (seen[s] + 1)) * (value - size[s])
            seen[s] += 1
        scores.append(max(ratios, default=float("nan")))
    return scores


@pytest.mark.parametrize("horizon", range(HORIZONS))
def test_scores_are_those_of_an_independent_computation(horizon):
    residuals = noise(300)
    residuals[np.random.default_rng(1).random(residuals.shape) < 0.2] = np.nan
    residuals[200] *= 30
    _, scores = fed(residuals)
    np.testing.assert_allclose(scores[:, horizon], independent(residuals, horizon), rtol=2e-3)


def test_the_score_of_usual_noise_is_about_one():
    _, scores = fed(noise(2000, sensors=(1,)))
    assert 0.9 < np.nanmean(scores[200:]) < 1.1


def test_nothing_is_scored_before_the_warm_up():
    _, scores = fed(noise(WARM_UP + 1))
    assert np.isnan(scores[:WARM_UP]).all()
    assert np.isfinite(scores[WARM_UP]).all()


def test_a_spike_scores_high_in_the_horizon_and_the_sensor_that_it_has():
    usual, _ = fed(noise(200))
    spike = np.zeros((HORIZONS, SENSORS))
    spike[1, 2] = 20 * SCALES[2]
    _, scores = fed([spike], usual)
    assert scores[0, 1] > 15
    assert (scores[0, [0, 2]] == 0).all()


@pytest.mark.parametrize("height", [20, 1e6, 1e20])
def test_a_spike_does_not_make_itself_usual(height):
    usual, _ = fed(noise(200))
    after, _ = fed(height * np.ones((1, HORIZONS, SENSORS)) * np.array(SCALES), usual)
    assert (np.asarray(after.size) <= np.asarray(usual.size) * 1.021).all()
    _, scores = fed([np.ones((HORIZONS, SENSORS)) * 10 * np.array(SCALES)], after)
    assert (scores > 8).all()


def test_a_lasting_change_becomes_usual_in_time():
    usual, _ = fed(noise(200))
    _, scores = fed(noise(1500, size=5.0, seed=2), usual)
    assert np.nanmean(scores[:20]) > 5
    assert np.nanmean(scores[-500:]) < 2.5


def test_a_flat_night_does_not_turn_noise_into_alarms():
    usual, _ = fed(np.zeros((200, HORIZONS, SENSORS)))
    _, scores = fed(0.1 * FLOOR * np.ones((1, HORIZONS, SENSORS)) * np.array(SCALES), usual)
    np.testing.assert_allclose(scores, 0.1, rtol=1e-4)


def test_a_missing_residual_is_neither_scored_nor_learned():
    usual, _ = fed(noise(100))
    after, scores = fed(np.full((5, HORIZONS, SENSORS), np.nan), usual)
    assert np.isnan(scores).all()
    assert all((np.asarray(a) == np.asarray(b)).all() for a, b in zip(usual, after, strict=True))
    assert isinstance(after, Usual)
