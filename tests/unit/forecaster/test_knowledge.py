import jax
import numpy as np
from flax.serialization import to_state_dict
from flax.traverse_util import flatten_dict

from forecaster import features, knowledge
from forecaster.config import Config
from forecaster.knowledge import architecture, initial
from tests.unit.forecaster.series import START, TINY

RANDOM = np.random.default_rng(0)
LEVEL = np.array([20.123, 41.7, np.nan, 2.6], np.float32)


def some(config):
    """Knowledge with nothing left at zero, counts above it."""
    known = jax.tree.map(lambda array: RANDOM.normal(0, 0.1, array.shape).astype(np.float32), initial(config))
    return known._replace(climatology=known.climatology._replace(counts=np.ones_like(known.climatology.counts)))


def observed(config, usual=np.nan):
    vector = RANDOM.normal(0, 1, features.observed_size(config)).astype(np.float32)
    vector[-config.outputs[0] * 4 :] = usual
    return vector


def test_the_initial_knowledge_forecasts_persistence_for_a_device_that_knows_nothing_usual():
    ahead = knowledge.forecast(TINY, initial(TINY), observed(TINY), np.int32(START), LEVEL)
    np.testing.assert_array_equal(ahead, np.stack([LEVEL] * 3))


def test_a_forecast_is_the_level_and_the_mean_of_both_models_in_the_sensors_units():
    known, seen = some(TINY), observed(TINY, 0.7)
    vector = features.complete(TINY, seen, np.int32(START), known.climatology)
    moves = knowledge.moves(TINY, known.network, known.linear, vector)
    expected = LEVEL + (np.asarray(moves.network) + np.asarray(moves.linear)) / 2 * np.array([1, 2, 100, 0.02])
    ahead = np.asarray(knowledge.forecast(TINY, known, seen, np.int32(START), LEVEL))
    np.testing.assert_allclose(ahead, expected, rtol=1e-5)
    assert np.isnan(ahead[:, 2]).all()
    assert (np.abs(moves.network - moves.linear) > 0).any()


def test_the_initial_knowledge_is_a_function_of_the_configuration():
    first, other = (flatten_dict(to_state_dict(initial(config))) for config in (TINY, TINY._replace(seed=1)))
    initial.cache_clear()
    again = flatten_dict(to_state_dict(initial(TINY)))
    assert all((first[name] == again[name]).all() for name in first)
    assert any((first[name] != other[name]).any() for name in first)
    assert all(array.dtype == np.float32 for array in first.values())


def test_the_initial_knowledge_is_no_tracer_even_when_first_asked_for_inside_a_jitted_function():
    initial.cache_clear()
    jax.jit(lambda x: x + initial(TINY).network["params"]["moves"]["bias"].sum())(0.0)
    assert isinstance(initial(TINY).linear, np.ndarray)


def test_the_architecture_says_all_that_averaging_needs():
    assert architecture(Config()) == "tanh-56-24-24-12+linear+climatology+anomalies/bin300s/h30.60.120"
    different = [
        Config(),
        Config(width=23),
        Config(bin_ms=600_000),
        Config(horizons=(6, 12)),
        Config(horizons=(6, 12, 25)),
    ]
    assert len({architecture(config) for config in different}) == len(different)
    same = [Config(), Config(seed=9), Config(learning_rate=1.0), Config(blend=0.5), Config(memory=3), Config(replays=1)]
    assert len({architecture(config) for config in same}) == 1
