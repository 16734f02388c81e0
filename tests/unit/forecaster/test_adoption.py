import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecaster import online
from forecaster.adoption import adopt, due
from forecaster.config import Config
from forecaster.knowledge import initial

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


@pytest.mark.parametrize(("share", "expected"), [(0.0, 2.0), (0.25, 3.0), (0.5, 4.0), (1.0, 6.0)])
def test_an_adopting_network_lies_between_the_devices_own_and_the_fleets(share, expected):
    learner = online.init(CONFIG, tree(2.0))
    adopted = adopt(CONFIG._replace(blend=share), learner, tree(6.0))
    assert all((leaf == expected).all() and leaf.dtype == np.float32 for leaf in jax.tree.leaves(adopted.params))
    assert jax.tree.structure(adopted) == jax.tree.structure(learner)


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
