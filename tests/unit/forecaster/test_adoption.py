import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecaster import features, online
from forecaster.adoption import adopt, due
from forecaster.config import Config
from forecaster.knowledge import initial
from tests.unit.forecaster.series import TINY

CONFIG = Config()
DELAY = CONFIG.adoption_delay_ms
NOON = 1_078_401_600_000


def at(ends, adopted, *moments, config=CONFIG):
    return due(config, ends, adopted, np.array(moments, np.int64)).tolist()


def test_a_model_is_due_from_the_delay_after_its_window_on():
    assert at({1: NOON}, 0, NOON + DELAY - 1, NOON + DELAY, NOON + DELAY + 1) == [0, 1, 1]
    assert at({1: NOON}, 1, NOON) == [1]


def test_the_newest_of_several_is_due_and_none_older_ever_again():
    ends = {v: NOON + v * DELAY for v in range(1, 6)}
    assert at(ends, 0, NOON + 4 * DELAY) == [3]
    assert at(ends, 3, NOON + 4 * DELAY, NOON + 5 * DELAY) == [3, 4]
    assert at(ends, 5, NOON) == [5]
    assert at({}, 0, NOON) == [0]
    assert at({}, 7, NOON) == [7]


@given(
    st.dictionaries(st.integers(1, 20), st.integers(0, 20), max_size=10),
    st.integers(0, 20),
    st.lists(st.integers(0, 25), min_size=1, max_size=9).map(sorted),
)
def test_what_is_due_is_the_newest_ripe_version(ends, adopted, moments):
    expected, stands = [], adopted
    for moment in moments:
        stands = max([stands, *(v for v in ends if ends[v] + 2 <= moment)])
        expected.append(stands)
    assert at(ends, adopted, *moments, config=CONFIG._replace(adoption_delay_ms=2)) == expected


def tree(value):
    return jax.tree.map(lambda array: np.full_like(array, value), initial(CONFIG))


def old(learner, examples=10**6):
    """The same with many examples behind it."""
    return learner._replace(memory=learner.memory._replace(stored=np.int32(examples)))


@pytest.mark.parametrize(("share", "expected"), [(0.0, 2.0), (0.25, 3.0), (0.5, 4.0), (1.0, 6.0)])
def test_an_old_devices_network_moves_by_the_share_that_is_set(share, expected):
    learner = old(online.init(CONFIG, tree(2.0)))
    adopted = adopt(CONFIG._replace(blend=share), learner, tree(6.0))
    for leaf in jax.tree.leaves(adopted.params):
        np.testing.assert_allclose(leaf, expected, atol=1e-4)
        assert leaf.dtype == np.float32
    assert jax.tree.structure(adopted) == jax.tree.structure(learner)


def test_the_younger_a_device_is_the_more_it_leans_on_the_fleet():
    config = CONFIG._replace(blend=0.2, youth=10)
    learners = [old(online.init(config, tree(2.0)), examples) for examples in (0, 10, 10**6)]
    moved = [float(adopt(config, one, tree(6.0)).params["params"]["moves"]["bias"][0]) for one in learners]
    np.testing.assert_allclose(moved, [6.0, 2 + 4 * (0.2 + 0.8 / 2), 2 + 4 * 0.2], rtol=1e-4)


@pytest.mark.parametrize(
    ("policy", "hidden", "last"), [("blend", 3.2, 3.2), ("replace", 6, 6), ("body", 3.2, 2), ("proximal", 2, 2)]
)
def test_each_policy_moves_what_it_says(policy, hidden, last):
    adopted = adopt(CONFIG._replace(adoption=policy), old(online.init(CONFIG, tree(2.0))), tree(6.0))
    found = adopted.params["params"]
    assert set(found) == {"hidden_1", "hidden_2", "moves"}
    for name, layer in found.items():
        for array in layer.values():
            np.testing.assert_allclose(array, last if name == "moves" else hidden, rtol=1e-4)
    assert all((leaf == 6).all() for leaf in jax.tree.leaves(adopted.fleet))


def test_a_policy_that_is_none_is_refused():
    with pytest.raises(ValueError, match="'average' is none of blend, replace, body, proximal"):
        adopt(CONFIG._replace(adoption="average"), online.init(CONFIG), tree(6.0))


def test_proximal_steps_are_drawn_toward_the_fleets_network():
    """The gradient is that of blending plus the weighted distance, before its size is bounded."""
    config = TINY._replace(replays=0, adoption="proximal", proximity=0.5)
    start = jax.tree.map(lambda array: 0 * array + 0.01, initial(TINY))
    learner = online.init(TINY, start)._replace(fleet=jax.tree.map(lambda array: 0 * array + 0.03, start))
    inputs, labels = np.zeros((3, features.size(TINY)), np.float32), np.full(TINY.outputs, 0.05, np.float32)
    nothing = online._recall(config, learner.memory, online.draws(config, np.int32(1)))
    means = []
    for one in (config._replace(adoption="blend"), config):
        _, state = online._learn(one, learner, inputs, labels, *nothing)
        means.append(next(s.mu for s in jax.tree.leaves(state, is_leaf=lambda s: hasattr(s, "mu")) if hasattr(s, "mu")))
    for plain, drawn in zip(*map(jax.tree.leaves, means), strict=True):
        np.testing.assert_allclose(drawn - plain, 0.1 * 0.5 * (0.01 - 0.03), rtol=1e-3)


def test_adoption_brings_the_fleets_climatology_and_leaves_the_rest_alone():
    learner = online.init(CONFIG, tree(2.0))
    adopted = adopt(CONFIG, learner, tree(6.0))
    assert all((leaf == 6).all() for leaf in jax.tree.leaves(adopted.fleet))
    back = adopted._replace(params=learner.params, fleet=learner.fleet)
    pairs = zip(jax.tree.leaves(back), jax.tree.leaves(learner), strict=True)
    assert all(np.array_equal(a, b, equal_nan=True) for a, b in pairs)


def test_a_device_that_begins_takes_all_there_is():
    learner = online.init(CONFIG, tree(6.0))
    assert all((leaf == 6).all() for leaf in jax.tree.leaves((learner.params, learner.linear.weights, learner.fleet)))
    assert (np.asarray(learner.history.climatology.counts) == 0).all()
