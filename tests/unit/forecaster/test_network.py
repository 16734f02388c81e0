import jax
import numpy as np
from flax.traverse_util import flatten_dict

from forecaster.config import Config
from forecaster.features import size
from forecaster.network import initial, moves
from tests.unit.forecaster import reference
from tests.unit.forecaster.series import TINY

RANDOM = np.random.default_rng(0)


def test_the_network_is_two_tanh_layers_on_top_of_the_usual_move():
    params = jax.tree.map(lambda array: RANDOM.normal(0, 0.3, array.shape).astype(np.float32), initial(TINY))
    batch = RANDOM.normal(0, 1, (6, size(TINY))).astype(np.float32)
    exact = batch.astype(np.float64)
    expected = (reference.skip(TINY, exact) + reference.forward(params, exact)[0]).reshape(6, *TINY.outputs)
    np.testing.assert_allclose(moves(TINY, params, batch), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(moves(TINY, params, batch[2]), expected[2], rtol=1e-4, atol=1e-5)


def test_an_untrained_network_says_a_share_of_what_is_usual_by_itself_and_in_the_fleet():
    vector = RANDOM.normal(0, 3, size(Config())).astype(np.float32)
    own, fleet = vector[-24:-12].reshape(3, 4), vector[-12:].reshape(3, 4)
    np.testing.assert_allclose(moves(Config(), initial(Config()), vector), 0.6 * (own + fleet) / 2, rtol=1e-6)


def test_the_initial_weights_are_a_function_of_the_seed():
    first, again = flatten_dict(initial(TINY)), flatten_dict(initial(TINY))
    other = flatten_dict(initial(TINY._replace(seed=1)))
    assert all((first[name] == again[name]).all() for name in first)
    kernel = ("params", "hidden_1", "kernel")
    assert (first[kernel] != other[kernel]).any()
    assert all(array.dtype == np.float32 for array in first.values())


def test_the_configuration_decides_the_shapes():
    shapes = {name: array.shape for name, array in flatten_dict(initial(Config()), sep="/").items()}
    assert shapes == {
        "params/hidden_1/kernel": (56, 24),
        "params/hidden_1/bias": (24,),
        "params/hidden_2/kernel": (24, 24),
        "params/hidden_2/bias": (24,),
        "params/moves/kernel": (24, 12),
        "params/moves/bias": (12,),
    }
    assert (np.asarray(initial(Config())["params"]["moves"]["kernel"]) == 0).all()
