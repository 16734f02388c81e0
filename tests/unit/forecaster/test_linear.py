import jax.numpy as jnp
import numpy as np

from forecaster import features, linear
from forecaster.config import Config
from tests.unit.forecaster.reference import Ridge, skip
from tests.unit.forecaster.series import TINY

FREE = TINY._replace(linear_delta=1e9)
SIZE = features.size(TINY)


def examples(n, seed=0):
    random = np.random.default_rng(seed)
    vectors, targets = random.normal(0, 1, (n, 3, SIZE)), random.normal(0, 1, (n, *TINY.outputs))
    targets += vectors[:, :, :4] * 2
    return vectors.astype(np.float32), targets.astype(np.float32)


def learned(config, vectors, targets, weights=None):
    state = linear.init(config, linear.initial(config) if weights is None else weights)
    for vector, target in zip(vectors, targets, strict=True):
        state = linear.learn(config, state, jnp.asarray(vector), jnp.asarray(target))
    return state


def left(config, vectors, targets):
    """Of each example what the usual move leaves, float64 [n, horizons, sensors]."""
    usual = skip(config, vectors.astype(np.float64)).reshape(*vectors.shape[:2], *config.outputs)
    return targets - usual[:, np.arange(3), np.arange(3)]


def test_without_bounded_errors_it_is_ridge_regression_in_closed_form():
    vectors, targets = examples(200)
    state = learned(FREE, vectors, targets)
    for h in range(3):
        x = np.concatenate([vectors[:, h].astype(np.float64), np.ones((200, 1))], 1)
        y = left(FREE, vectors, targets)[:, h]
        exact = np.linalg.solve(x.T @ x + np.eye(SIZE + 1) / FREE.linear_prior, x.T @ y)
        np.testing.assert_allclose(state.weights[h], exact, atol=2e-3)


def test_with_other_weights_to_start_from_it_shrinks_toward_those():
    vectors, targets = examples(5)
    prior = np.random.default_rng(1).normal(0, 1, linear.initial(FREE).shape).astype(np.float32)
    state = learned(FREE, vectors, targets, prior)
    x = np.concatenate([vectors[:, 0].astype(np.float64), np.ones((5, 1))], 1)
    y = left(FREE, vectors, targets)[:, 0] - x @ prior[0]
    exact = prior[0] + np.linalg.solve(x.T @ x + np.eye(SIZE + 1) / FREE.linear_prior, x.T @ y)
    np.testing.assert_allclose(state.weights[0], exact, atol=1e-3)
    np.testing.assert_array_equal(learned(FREE, [], [], prior).weights, prior)


def test_bounded_errors_and_missing_labels_are_those_of_an_independent_recursion():
    vectors, targets = examples(100)
    targets[np.random.default_rng(2).random(targets.shape) < 0.3] = np.nan
    targets[::7] = np.nan
    targets[3::9] *= 100
    ridges = [Ridge(TINY, SIZE) for _ in range(3)]
    for vector, target in zip(vectors, left(TINY, vectors, targets), strict=True):
        for ridge, x, y in zip(ridges, vector, target, strict=True):
            ridge.learn(x, y)
    state = learned(TINY, vectors, targets)
    np.testing.assert_allclose(state.weights, np.stack([ridge.weights for ridge in ridges]), atol=1e-3)


def test_a_month_of_examples_leaves_the_covariance_sound():
    config = Config()
    random = np.random.default_rng(3)
    state = linear.init(config, linear.initial(config))
    vectors = random.normal(0, 1, (9000, 3, features.size(config))).astype(np.float32)
    vectors[:, :, 5] = vectors[:, :, 4]  # collinear, as features of a flat night are
    import jax

    step = jax.jit(lambda s, v: (linear.learn(config, s, v, v[:, :4]), None))
    state, _ = jax.lax.scan(step, state, vectors)
    values = np.linalg.eigvalsh(np.asarray(state.covariance[0], np.float64))
    assert values.min() > -1e-6
    assert values.max() <= config.linear_prior * 1.001
    assert np.isfinite(state.weights).all()
