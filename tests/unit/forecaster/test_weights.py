import json
import struct

import jax
import numpy as np
import pytest
from flax.serialization import to_state_dict
from flax.traverse_util import flatten_dict, unflatten_dict
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load, save

from forecaster.knowledge import flat, initial, length
from forecaster.weights import WeightsError, flat_to_bytes, from_bytes, to_bytes
from tests.unit.forecaster.series import TINY

FLAT = flatten_dict(to_state_dict(initial(TINY)), sep="/")
DATA = to_bytes(initial(TINY))
KERNEL = "network/params/hidden_1/kernel"


def changed(**arrays):
    """The initial weights as bytes, with some arrays replaced (``None``: left out)."""
    names = {name.replace("/", "_"): name for name in FLAT}
    flat = FLAT | {names.get(name, name): array for name, array in arrays.items()}
    return save({name: array for name, array in flat.items() if array is not None})


def test_weights_come_back_and_give_the_same_bytes():
    again = from_bytes(TINY, DATA)
    assert to_bytes(again) == DATA
    flat = flatten_dict(to_state_dict(again), sep="/")
    assert flat.keys() == FLAT.keys()
    assert all((array == FLAT[name]).all() for name, array in flat.items())


@settings(max_examples=50)
@given(st.permutations(list(FLAT)), st.integers(0, 2**32 - 1))
def test_equal_trees_give_equal_bytes_however_they_are_ordered(names, seed):
    random = np.random.default_rng(seed)
    arrays = {name: random.normal(size=FLAT[name].shape).astype(np.float32) for name in FLAT}
    plain = to_bytes(unflatten_dict(arrays, sep="/"))
    assert to_bytes(unflatten_dict({name: np.asfortranarray(arrays[name]) for name in names}, sep="/")) == plain
    assert to_bytes(from_bytes(TINY, plain)) == plain


def test_the_bytes_are_safetensors_with_the_arrays_named():
    arrays = load(DATA)
    assert set(arrays) == set(FLAT)
    assert all(array.dtype == np.float32 for array in arrays.values())


@pytest.mark.parametrize("data", [b"", b"hello", bytes(8), DATA[:-1], DATA[: len(DATA) // 2], b"\xff" * 100])
def test_what_is_not_safetensors_is_refused(data):
    with pytest.raises(WeightsError, match="not safetensors"):
        from_bytes(TINY, data)


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (changed(network_params_moves_bias=None), "architecture's"),
        (changed(more=np.zeros(1, np.float32)), "'more'"),
        (changed(network_params_hidden_1_kernel=np.zeros((56, 6), np.float32)), rf"{KERNEL} is float32\(56, 6\)"),
        (changed(network_params_hidden_1_kernel=FLAT[KERNEL].T.copy()), rf"{KERNEL} is float32\(5, 56\)"),
        (changed(network_params_hidden_1_kernel=FLAT[KERNEL].astype(np.float64)), f"{KERNEL} is float64"),
        (changed(network_params_hidden_1_kernel=FLAT[KERNEL].astype(np.float16)), f"{KERNEL} is float16"),
        (changed(network_params_hidden_1_kernel=FLAT[KERNEL].view(np.int32)), f"{KERNEL} is int32"),
        (to_bytes(initial(TINY._replace(width=6))), "is float32"),
    ],
    ids=["name missing", "name too many", "shape", "transposed", "float64", "float16", "int32", "other width"],
)
def test_other_arrays_than_the_architectures_are_refused_by_name(data, named):
    with pytest.raises(WeightsError, match=named):
        from_bytes(TINY, data)


@pytest.mark.parametrize("name", FLAT)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_no_number_is_refused_by_its_arrays_name(name, value):
    array = FLAT[name].copy()
    array.flat[-1] = value
    with pytest.raises(WeightsError, match=f"{name} holds NaN or infinity"):
        from_bytes(TINY, changed(**{name.replace("/", "_"): array}))


@pytest.mark.parametrize(("kind", "size"), [("BF16", 2), ("F8_E4M3", 1), ("F8_E5M2", 1), ("C64", 8)])
def test_kinds_of_numbers_that_numpy_lacks_are_refused(kind, size):
    header = json.dumps({KERNEL: {"dtype": kind, "shape": [4], "data_offsets": [0, 4 * size]}}).encode()
    with pytest.raises(WeightsError):
        from_bytes(TINY, struct.pack("<Q", len(header)) + header + bytes(4 * size))


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(0, 700), st.integers(0, 255)), min_size=1, max_size=4), st.integers(0, 60))
def test_damaged_bytes_are_weights_or_refused(changes, cut):
    damaged = bytearray(DATA)
    for place, byte in changes:
        damaged[place % len(damaged)] = byte
    try:
        known = from_bytes(TINY, bytes(damaged[: len(damaged) - cut]))
    except WeightsError:
        return
    assert {name: a.shape for name, a in flatten_dict(to_state_dict(known), sep="/").items()} == {
        n: a.shape for n, a in FLAT.items()
    }


def test_a_flat_vector_gives_the_bytes_of_the_tree():
    random = np.random.default_rng(4)
    known = jax.tree.map(lambda array: random.normal(size=array.shape).astype(np.float32), initial(TINY))
    assert flat_to_bytes(TINY, np.asarray(flat(known))) == to_bytes(known)
    assert len(flat(known)) == length(TINY)
