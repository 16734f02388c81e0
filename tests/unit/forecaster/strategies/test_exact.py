"""Sums whose order, and the parts they are put together from, change no byte."""

import math
from functools import reduce

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from forecaster.strategies import exact
from tests.unit.forecaster.strategies.windows import SIZE, vectors

terms = st.lists(st.tuples(st.floats(2**-7, 2**20, width=32), vectors), min_size=1, max_size=12)


def total(parts):
    return reduce(lambda sums, part: exact.add(sums, *part), parts, exact.empty(SIZE))


@settings(max_examples=100, deadline=None)
@given(parts=terms, data=st.data())
def test_parts_merged_in_any_order_are_the_whole(parts, data):
    shuffled = data.draw(st.permutations(parts))
    cut = data.draw(st.integers(0, len(parts)))
    merged = exact.merge(total(shuffled[:cut]), total(shuffled[cut:]))
    assert exact.mean(merged).tobytes() == exact.mean(total(parts)).tobytes()


@settings(max_examples=100, deadline=None)
@given(parts=terms)
def test_the_mean_is_the_rational_one_rounded(parts):
    weight = math.fsum(float(weight) for weight, _ in parts)
    for at, number in enumerate(exact.mean(total(parts))):
        value = math.fsum(float(weight) * float(vector[at]) for weight, vector in parts) / weight
        assert abs(number - value) <= np.spacing(np.float32(abs(value))) * 0.5000001


@settings(max_examples=100, deadline=None)
@given(some=st.lists(vectors, max_size=12), start=terms)
def test_many_at_once_are_as_one_by_one(some, start):
    together = exact.add_all(total(start), np.array(some, np.float32).reshape(-1, SIZE))
    one_by_one = reduce(lambda sums, vector: exact.add(sums, 1.0, vector), some, total(start))
    assert exact.mean(together).tobytes() == exact.mean(one_by_one).tobytes()


def test_what_cancels_leaves_what_is_small():
    parts = [(1.0, np.full(SIZE, value, np.float32)) for value in (1e30, 1.0, -1e30)]
    np.testing.assert_array_equal(exact.mean(total(parts)), np.full(SIZE, 1 / 3, np.float32))
    together = exact.add_all(exact.empty(SIZE), np.array([vector for _, vector in parts]))
    np.testing.assert_array_equal(exact.mean(together), np.full(SIZE, 1 / 3, np.float32))
