import pickle
from itertools import groupby

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecaster.bins import MAX_JUMP_MS, Bin, ClockJumpError, LateReadingError, Summary, add, close

BIN = 300_000
T0 = 1_078_401_600_000

measured = st.none() | st.floats(-1e4, 1e4)
readings = st.lists(
    st.tuples(st.integers(0, 2 * BIN), st.tuples(*[measured] * 4), st.integers(1, 5)), min_size=1, max_size=30
).map(
    lambda rows: [
        (values, T0 + sum(row[0] for row in rows[: i + 1]), sum(row[2] for row in rows[: i + 1]))
        for i, (_, values, _) in enumerate(rows)
    ]
)


def one_by_one(rows, current=None):
    closed = []
    for values, moment, offset in rows:
        current, done = add(current, values, moment, offset, BIN)
        closed += [done] if done else []
    return current, closed


def summarized(rows):
    """One bin from all its readings at once, by numpy: [5, sensors]."""
    columns = [np.array([v for v in column if v is not None]) for column in zip(*(row[0] for row in rows), strict=True)]
    nothing = [0, *[np.nan] * 4]
    return np.transpose([[len(c), c.mean(), c.min(), c.max(), c.std()] if len(c) else nothing for c in columns])


@given(readings)
def test_bins_say_what_the_readings_in_them_are(rows):
    current, closed = one_by_one(rows)
    bins = [*closed, close(current, 0)]
    expected = [(number, list(group)) for number, group in groupby(rows, key=lambda row: row[1] // BIN)]
    assert [b.number for b in bins] == [number for number, _ in expected]
    for b, (_, group) in zip(bins, expected, strict=True):
        count, mean, low, high, deviation = summarized(group)
        assert b.summary.counts == tuple(count)
        np.testing.assert_allclose(b.summary.mean, mean, rtol=1e-12, atol=1e-9)
        np.testing.assert_array_equal(b.summary[2:4], [low, high])
        # Of the difference of two squares of up to 1e4 each.
        np.testing.assert_allclose(b.summary.deviation, deviation, rtol=1e-6, atol=1e-3)
        assert (b.first_offset, b.last_offset) == (group[0][2], group[-1][2])


@given(readings, st.data())
def test_a_fold_that_is_put_away_anywhere_gives_the_same_bins_to_the_bit(rows, data):
    cut = data.draw(st.integers(0, len(rows)))
    whole = one_by_one(rows)
    before, first = one_by_one(rows[:cut])
    after, second = one_by_one(rows[cut:], pickle.loads(pickle.dumps(before)))
    assert repr((after, first + second)) == repr(whole)  # repr, since NaN is not NaN


@given(readings, st.integers(1, 10**9))
def test_a_late_reading_is_refused_and_leaves_the_bin(rows, late):
    current, _ = one_by_one(rows)
    before = repr(current)
    with pytest.raises(LateReadingError):
        add(current, (1.0,) * 4, current.number * BIN - late, 999, BIN)
    assert repr(current) == before


def test_a_reading_out_of_order_within_the_open_bin_is_taken():
    current, _ = add(None, (1.0, None, None, None), T0 + 200, 5, BIN)
    current, closed = add(current, (3.0, None, None, None), T0, 6, BIN)
    assert closed is None
    assert close(current, 0).summary.mean[0] == 2.0


def test_a_silence_of_a_lap_is_taken_and_a_longer_one_is_a_wrong_clock():
    current, _ = add(None, (1.0,) * 4, T0, 1, BIN)
    opened, closed = add(current, (2.0,) * 4, T0 + MAX_JUMP_MS + BIN - 1, 2, BIN)
    ones = Summary((1,) * 4, (1.0,) * 4, (1.0,) * 4, (1.0,) * 4, (0.0,) * 4)
    assert closed == Bin(T0 // BIN, ones, 1, 1, T0 + MAX_JUMP_MS + BIN - 1)
    assert (opened.number - closed.number) * BIN == MAX_JUMP_MS
    with pytest.raises(ClockJumpError, match=f"{MAX_JUMP_MS // BIN + 1} bins ahead"):
        add(current, (2.0,) * 4, T0 + MAX_JUMP_MS + BIN, 2, BIN)


@pytest.mark.parametrize("moment", [T0, T0 + BIN - 1])
def test_a_bin_begins_with_its_first_ms_and_ends_before_the_next(moment):
    current, _ = add(None, (1.0,) * 4, moment, 1, BIN)
    _, closed = add(current, (1.0,) * 4, T0 + BIN, 2, BIN)
    assert closed.number == T0 // BIN
    assert add(current, (1.0,) * 4, T0 + BIN - 1, 2, BIN)[1] is None


def test_a_sensor_that_measured_nothing_is_missing_and_the_others_are_not():
    current, _ = add(None, (None, 1.0, None, 4.0), T0, 1, BIN)
    current, _ = add(current, (None, None, None, 5.0), T0, 2, BIN)
    values = close(current, 0).summary.mean
    assert (values[1], values[3]) == (1.0, 4.5)
    assert np.isnan([values[0], values[2]]).all()
