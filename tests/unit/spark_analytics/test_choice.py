"""Which version forecasts at which bin: a batch's pin, and what the log says was chosen before."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from spark_analytics.choice import UNKNOWN, Pin, Run, recorded, runs

MADE = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 3), st.integers(0, 1)), max_size=40)


def test_a_pin_is_stale_from_a_moment_of_event_time_on():
    choice = Pin(4, 6, 1_000, 500).choose("mote-01", np.array([1_200, 1_500, 1_501, 9_000]))
    assert choice.versions.tolist() == [4, 4, 4, 4]
    assert choice.stale.tolist() == [0, 0, 1, 1]


def test_without_a_bound_nothing_is_stale_and_without_a_model_nothing_is_known():
    ends = np.array([9_000, 10**12])
    assert Pin(4, 6, 1_000, 0).choose("mote-01", ends).stale.tolist() == [0, 0]
    assert Pin(0, 0, 0, 500).choose("mote-01", ends).stale.tolist() == [UNKNOWN, UNKNOWN]


@given(MADE)
def test_runs_say_of_each_moment_what_was_first_said(made: list[tuple[int, int, int]]):
    found = runs(made)
    first: dict[int, tuple[int, int]] = {}
    for moment, *chosen in made:
        first.setdefault(moment, tuple(chosen))
    for moment, chosen in first.items():
        covering = [run for run in found if run.begin <= moment <= run.end]
        assert [run[2:] for run in covering] == [chosen]
    assert all(one.end < other.begin and one[2:] != other[2:] for one, other in pairwise(found))


def test_the_log_counts_as_far_as_it_goes_and_the_pin_after():
    past = {"mote-01": [Run(100, 200, 1, 0), Run(300, 400, 2, 1)]}
    choose = recorded(past, Pin(7, 7, 0, 0))
    choice = choose("mote-01", np.array([50, 100, 250, 300, 400, 500]))
    assert choice.versions.tolist() == [1, 1, 1, 2, 2, 7]
    assert choice.stale.tolist() == [0, 0, 0, 1, 1, 0]
    assert choose("mote-02", np.array([100])).versions.tolist() == [7]
