import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from aggregator_stream.fold.server_state import from_bytes, to_bytes

states = st.dictionaries(st.text("abc", min_size=1), arrays(np.float32, array_shapes(min_dims=0, max_dims=2)))


@given(states)
def test_a_state_comes_back_to_the_bit_and_in_its_shapes(state):
    back = from_bytes(to_bytes(state))
    assert back.keys() == state.keys()
    for name, array in state.items():
        assert (back[name].shape, back[name].dtype) == (array.shape, np.float32)
        assert back[name].tobytes() == array.tobytes()
    assert to_bytes(back) == to_bytes(state)


def test_a_state_of_nothing_is_no_bytes():
    assert to_bytes({}) == b""
    assert from_bytes(b"") == {}
