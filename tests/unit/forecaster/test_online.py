"""The online step: forecast first, learn when the label has come."""

import jax
import numpy as np
import pytest

from forecaster import features, knowledge, online
from forecaster.network import initial
from forecaster.weights import to_bytes
from tests.unit.forecaster.reference import Reference, gradient, skip
from tests.unit.forecaster.series import DAILY, START, TINY, daily_sine, random_walk, single

NOTHING = np.full(4, np.nan, np.float32)


def run(config, rows, learner=None, version=0):
    """Feed ``rows`` of (number, values); the learner after, and the outputs of every bin."""
    learner = online.init(config) if learner is None else learner
    outputs = []
    for number, values in rows:
        learner, out = online.update(config, learner, np.int32(number), single(values), np.int32(version))
        outputs.append(jax.device_get(out))
    return jax.device_get(learner), outputs


def numbered(values, silent=()):
    return [(START + i, row) for i, row in enumerate(values) if i not in silent]


def same(left, right):
    """Bit for bit, all arrays of two trees."""
    pairs = zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True)
    return all(np.asarray(a).tobytes() == np.asarray(b).tobytes() for a, b in pairs)


CASES = {
    "whole": numbered(random_walk(1, 40)),
    "missing measurements": numbered(random_walk(2, 40, missing=0.3)),
    "silent for some bins": numbered(random_walk(3, 40), {6, 7, 8, 20, 33, 34}),
    "silent for longer than is remembered": numbered(random_walk(4, 60), set(range(15, 40))),
    "bins without any measurement": numbered(np.where(np.arange(40)[:, None] % 7 == 3, np.nan, random_walk(5, 40))),
}


@pytest.mark.parametrize("case", CASES)
def test_the_whole_course_is_that_of_an_independent_learner(case):
    reference = Reference(TINY, initial(TINY))
    learner, outputs = run(TINY, CASES[case])
    for (number, values), out in zip(CASES[case], outputs, strict=True):
        forecast, scored, examples = reference.update(number, values)
        scales = np.array([1, 2, 100, 0.02])
        np.testing.assert_allclose(out.forecasts.combined / scales, forecast / scales, rtol=1e-5, atol=1e-4)
        np.testing.assert_allclose(out.scored / scales, scored / scales, rtol=1e-5, atol=1e-4)
        assert int(out.examples) == examples
    assert min(int(learner.memory.stored), 99) == len(reference.memory)
    for layer, arrays in reference.params["params"].items():
        for name, array in arrays.items():
            np.testing.assert_allclose(learner.params["params"][layer][name], array, atol=1e-4)
    ridges = np.stack([ridge.weights for ridge in reference.ridges])
    np.testing.assert_allclose(learner.linear.weights, ridges, atol=1e-4)
    assert np.abs(ridges).max() > 0.01


def test_the_reference_would_notice_a_wrong_learner():
    rows = CASES["whole"]
    reference = Reference(TINY._replace(huber_delta=0.05, learning_rate=0.05), initial(TINY))
    learner, _ = run(TINY, rows)
    for number, values in rows:
        reference.update(number, values)
    assert np.abs(learner.params["params"]["moves"]["bias"] - reference.params["params"]["moves"]["bias"]).max() > 0.02


def test_one_step_is_the_gradient_of_the_mean_huber_loss():
    random = np.random.default_rng(5)
    params = jax.tree.map(lambda a: random.normal(0, 0.4, a.shape).astype(np.float32), initial(TINY))
    learner = online.init(TINY._replace(replays=0), knowledge.initial(TINY)._replace(network=params))
    inputs = random.normal(0, 1, (3, features.size(TINY))).astype(np.float32)
    labels = random.normal(0, 1, TINY.outputs).astype(np.float32)
    labels[random.random(labels.shape) < 0.3] = np.nan
    targets = np.where(np.eye(3, dtype=bool)[:, :, None], labels[:, None, :], np.nan)
    x = inputs.astype(np.float64)
    exact = gradient(params, x, targets.reshape(3, -1).astype(np.float64), TINY.huber_delta, skip(TINY, x))
    config = TINY._replace(replays=0)
    nothing = online._recall(config, learner.memory, online.draws(config, np.int32(START)))
    _, state = online._learn(config, learner, inputs, labels, *nothing)
    norm = np.sqrt(sum((a**2).sum() for layer in exact["params"].values() for a in layer.values()))
    mean = next(s.mu for s in jax.tree.leaves(state, is_leaf=lambda s: hasattr(s, "mu")) if hasattr(s, "mu"))
    for layer, arrays in exact["params"].items():
        for name, array in arrays.items():
            np.testing.assert_allclose(mean["params"][layer][name] / 0.1, array / max(norm, 1), rtol=1e-3, atol=1e-6)


def test_a_forecast_knows_nothing_of_what_comes_later():
    rows = CASES["missing measurements"]
    _, plain = run(TINY, rows)
    for cut in (1, 5, 20, 39):
        changed = rows[:cut] + [(number, values + 50) for number, values in rows[cut:]]
        _, other = run(TINY, changed)
        assert same(plain[:cut], other[:cut])
        if cut < 39:
            assert not same(plain[cut:], other[cut:])


def test_what_is_scored_is_what_was_forecast_that_many_bins_before():
    rows = CASES["silent for some bins"]
    made = {}
    learner = online.init(TINY)
    for n, (number, values) in enumerate(rows):
        learner, [out] = run(TINY, [(number, values)], learner, version=n)
        for h, ahead in enumerate(TINY.horizons):
            before = made.get(number - ahead)
            if before is None:
                assert np.isnan(out.scored[h]).all()
                assert np.isnan(out.scored_level[h]).all()
                continue
            forecast, level, version = before
            np.testing.assert_array_equal(out.scored[h], forecast[h])
            np.testing.assert_array_equal(out.scored_level[h], level)
            assert out.scored_version[h] == version
        made[number] = out.forecasts.combined, out.level, n


def test_the_first_bin_forecasts_persistence_and_learns_nothing():
    values = np.array([20.5, 40, np.nan, 2.5], np.float32)
    learner, [out] = run(TINY, [(START, values)])
    np.testing.assert_array_equal(out.forecasts.combined, np.stack([values] * 3))
    np.testing.assert_array_equal(out.level, values)
    assert (int(out.examples), np.isnan(out.scored).all(), np.isnan(out.verdict.score).all()) == (0, True, True)
    start = knowledge.initial(TINY)
    assert to_bytes(online.known(learner)._replace(anomalies=start.anomalies)) == to_bytes(start)


def test_examples_are_the_horizons_whose_label_has_come():
    _, outputs = run(TINY, numbered(random_walk(1, 8)))
    assert [int(out.examples) for out in outputs] == [0, 1, 2, 2, 3, 3, 3, 3]
    _, outputs = run(TINY, numbered(random_walk(1, 12), {5, 6}))
    # 7 lacks the bins 6 and 5; 8 lacks 6; 9 lacks 5; 10 lacks 6.
    assert [int(out.examples) for out in outputs] == [0, 1, 2, 2, 3, 1, 2, 2, 2, 3]


@pytest.mark.parametrize("silence", [TINY.span, TINY.span + 1, 10_000])
def test_nothing_is_scored_across_a_silence_longer_than_the_longest_horizon(silence):
    learner, _ = run(TINY, numbered(random_walk(1, 20)))
    back = START + 19 + silence
    after, [out] = run(TINY, [(back, [21, 41, 310, 2.6])], learner)
    assert np.isnan(out.scored).all()
    assert int(out.examples) == 0
    assert int(after.history.newest) == back
    assert np.isfinite(out.forecasts.combined).all()


def test_a_bin_without_labels_changes_no_weights():
    fresh, _ = run(TINY, numbered(random_walk(1, 4)))
    seasoned, _ = run(TINY, numbered(random_walk(1, 30)))
    for learner, next_bin in ((fresh, START + 4), (seasoned, START + 30)):
        after, [out] = run(TINY, [(next_bin, NOTHING)], learner)
        assert int(out.examples) == 0
        assert same(after.params, learner.params)
        assert same(after.optimizer, learner.optimizer)
        assert np.isnan(out.forecasts.combined).all()


def test_the_same_bins_give_the_same_bytes():
    first, second = (run(TINY, CASES["missing measurements"]) for _ in range(2))
    assert same(first, second)
    other, _ = run(TINY._replace(seed=1), CASES["missing measurements"])
    assert not same(first[0].params, other.params)


def test_a_learner_put_away_in_between_goes_on_as_if_it_had_not_been():
    import pickle

    rows = CASES["silent for some bins"]
    whole, outputs = run(TINY, rows)
    half, first = run(TINY, rows[:17])
    rest, second = run(TINY, rows[17:], pickle.loads(pickle.dumps(half)))
    assert same(whole, rest)
    assert same(outputs, first + second)


@pytest.mark.parametrize("wild", [np.inf, -np.inf, 3e38, -3e38])
def test_a_wild_value_breaks_nothing_for_good(wild):
    rows = numbered(random_walk(1, 30))
    rows[12] = (rows[12][0], np.full(4, wild))
    learner, outputs = run(TINY, rows)
    assert all(np.isfinite(array).all() for array in jax.tree.leaves(learner.params))
    assert np.isfinite(outputs[-1].forecasts.combined).all()
    assert all(np.isfinite(array).all() for array in jax.tree.leaves(online.known(learner)))


def test_learning_beats_persistence_on_a_clean_daily_sine():
    values = daily_sine(14)
    _, outputs = run(DAILY, list(enumerate(values)))
    last = outputs[-4 * 48 :]
    error = np.mean([np.abs(out.scored - out.level) for out in last], axis=0)
    persistence = np.mean([np.abs(out.scored_level - out.level) for out in last], axis=0)
    assert (error < 0.5 * persistence).all(), error / persistence
