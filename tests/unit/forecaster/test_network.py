import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict

from forecaster.config import Config
from forecaster.features import FEATURES
from forecaster.network import architecture, forecast, initial, moves
from tests.unit.forecaster import reference
from tests.unit.forecaster.series import TINY

RANDOM = np.random.default_rng(0)


def trained(config, scale=0.3):
    """Parameters of the right shapes with nothing left at zero."""
    return jax.tree.map(lambda array: RANDOM.normal(0, scale, array.shape).astype(np.float32), initial(config))


def test_an_untrained_network_forecasts_persistence_exactly():
    level = np.array([20.123, 41.7, np.nan, 2.6], np.float32)
    vector = RANDOM.normal(0, 3, FEATURES).astype(np.float32)
    ahead = np.asarray(forecast(Config(), initial(Config()), vector, level))
    assert ahead.shape == (3, 4)
    np.testing.assert_array_equal(ahead, np.stack([level] * 3))


def test_the_network_is_two_tanh_layers():
    params = trained(TINY)
    batch = RANDOM.normal(0, 1, (6, FEATURES)).astype(np.float32)
    expected = reference.forward(params, batch.astype(np.float64))[0].reshape(6, *TINY.outputs)
    np.testing.assert_allclose(moves(TINY, params, batch), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(moves(TINY, params, batch[2]), expected[2], rtol=1e-4, atol=1e-5)


def test_a_forecast_is_the_level_plus_moves_in_the_sensors_units():
    params, vector = trained(TINY), RANDOM.normal(0, 1, FEATURES).astype(np.float32)
    level = np.array([20, 40, 300, 2.6], np.float32)
    out = reference.forward(params, vector[None].astype(np.float64))[0].reshape(TINY.outputs)
    np.testing.assert_allclose(
        forecast(TINY, params, vector, level), level + out * np.array([1, 2, 100, 0.02]), rtol=1e-4
    )


def test_the_initial_weights_are_a_function_of_the_seed():
    initial.cache_clear()
    first = flatten_dict(initial(TINY))
    initial.cache_clear()
    again = flatten_dict(initial(TINY))
    other = flatten_dict(initial(TINY._replace(seed=1)))
    assert all((first[name] == again[name]).all() for name in first)
    kernel = ("params", "hidden_1", "kernel")
    assert (first[kernel] != other[kernel]).any()
    assert all(array.dtype == np.float32 for array in first.values())


def test_the_architecture_says_all_that_averaging_needs():
    assert architecture(Config()) == "tanh-28-24-24-12/bin300s/h30.60.120"
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


def test_the_architecture_decides_the_shapes():
    shapes = {name: array.shape for name, array in flatten_dict(initial(Config()), sep="/").items()}
    assert shapes == {
        "params/hidden_1/kernel": (28, 24),
        "params/hidden_1/bias": (24,),
        "params/hidden_2/kernel": (24, 24),
        "params/hidden_2/bias": (24,),
        "params/moves/kernel": (24, 12),
        "params/moves/bias": (12,),
    }
    assert jnp.float32(0) == initial(Config())["params"]["moves"]["kernel"].max()
