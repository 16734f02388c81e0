"""What global models would have said, and how one of them does beside another."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from forecaster import features, knowledge, online, trials
from forecaster.config import SCALES
from forecaster.course import summary
from tests.unit.forecaster.series import START, TINY, random_walk

BINS = 30


def moved(seed):
    """A model that says something, and knows usual moves."""
    random = np.random.default_rng(seed)
    start = knowledge.initial(TINY)
    model = jax.tree.map(lambda leaf: random.normal(0, 0.3, leaf.shape).astype(np.float32), start)
    usual = jax.tree.map(lambda leaf: np.abs(random.normal(1, 0.3, leaf.shape)).astype(np.float32), start.climatology)
    return model._replace(climatology=usual)


def alone(models):
    """What each model by itself forecast at every bin of a device, and what the panel says of it when labels come."""
    values, learner = random_walk(3, BINS, missing=0.1), online.init(TINY)
    panel = jax.tree.map(lambda *leaves: jnp.stack(leaves), *models)
    made, judged = [], []
    for t in range(BINS):
        parts = np.stack([np.isfinite(values[t]), *[values[t]] * 4]).astype(np.float32)
        learner, out = online.update(
            TINY, learner, jnp.int32(START + t), summary(jnp.asarray(parts)), jnp.int32(0), panel=panel
        )
        observed = features.observe(TINY, learner.history)
        made.append([knowledge.forecast(TINY, m, observed, jnp.int32(START + t), values[t]) for m in models])
        judged.append(out.judged)
    return np.asarray(made), np.asarray(judged)


def test_each_of_the_panel_says_what_it_alone_would_have_forecast():
    made, judged = alone([moved(1), moved(2)])
    compared = 0
    for h, bins in enumerate(TINY.horizons):
        np.testing.assert_allclose(judged[bins:, :, h], made[:-bins, :, h], rtol=1e-5, atol=1e-5)
        assert np.isnan(judged[:bins, :, h]).all()
        compared += np.isfinite(judged[bins:, :, h]).sum()
    assert compared > 400
    assert np.nanmax(np.abs(judged[:, 0] - judged[:, 1])) > 0.1


def test_a_model_that_is_not_there_says_nothing():
    none = jax.tree.map(lambda leaf: np.full_like(leaf, np.nan), moved(1))
    _, judged = alone([moved(1), none])
    assert np.isnan(judged[:, 1]).all()
    assert np.isfinite(judged[:, 0]).any()


def test_without_a_panel_nothing_is_judged_and_learning_is_the_same():
    values = jnp.asarray(np.stack([np.ones(4), *[random_walk(1, 1)[0]] * 4]).astype(np.float32))
    panel = jax.tree.map(lambda leaf: jnp.stack([leaf]), moved(1))
    arguments = TINY, online.init(TINY), jnp.int32(START), summary(values), jnp.int32(0)
    (one, plain), (other, judged) = online.update(*arguments), online.update(*arguments, panel=panel)
    assert (plain.judged.shape, judged.judged.shape) == ((0, *TINY.outputs), (1, *TINY.outputs))
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("xp", [np, jnp], ids=["numpy", "jax"])
def test_the_ratio_is_the_geometric_mean_over_what_has_labels(xp):
    random = np.random.default_rng(0)
    errors, beside = random.random((2, 5, *TINY.outputs)).astype(np.float32)
    counts = random.integers(0, 3, (5, *TINY.outputs))
    counts[4] = 0
    found = np.asarray(trials.ratio(*map(xp.asarray, (errors, beside, counts))))
    floor = trials.FLOOR * np.asarray(SCALES)
    for d in range(4):
        each = [
            (errors[d, h, s] + floor[s]) / (beside[d, h, s] + floor[s])
            for h, s in np.ndindex(*TINY.outputs)
            if counts[d, h, s]
        ]
        assert found[d] == pytest.approx(np.prod(each) ** (1 / len(each)), rel=1e-5)
    assert np.isnan(found[4])
