from itertools import islice

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from producers.replay import DAY, due, event_time, locate, stretches, timeline

TIMES = st.lists(st.integers(0, 40 * DAY), min_size=1, max_size=30).map(lambda times: np.array(sorted(times)))


@given(TIMES, st.integers(1, 4))
def test_event_time_never_goes_back_and_keeps_the_time_of_day(times, laps):
    line = timeline(times)
    moments = []
    for ordinal in range(laps * len(times)):
        lap, row = locate(line, ordinal)
        moments.append(event_time(line, int(times[row]), lap))
        assert (moments[-1] - int(times[row])) % DAY == 0
        assert lap * line.rows + row == ordinal
    assert moments == sorted(moments)
    first_of_laps = moments[:: len(times)]
    assert len(set(first_of_laps)) == laps
    assert all(b > a for a, b in zip(moments[len(times) - 1 :: len(times)], first_of_laps[1:], strict=False))


@given(TIMES)
def test_a_lap_is_as_few_days_as_will_do(times):
    length = int(times[-1] - times[0])
    assert length < timeline(times).span <= length + DAY


@given(st.integers(1, 50), st.integers(0, 120), st.integers(1, 20), st.integers(1, 3))
def test_stretches_cover_every_ordinal_once_and_stop_at_barriers_and_laps(rows, start, step, laps):
    line = timeline(np.arange(rows))
    seen = []
    for stretch in stretches(line, start, step, laps):
        here = list(range(stretch.ordinal, stretch.ordinal + stretch.hi - stretch.lo))
        assert [divmod(ordinal, rows) for ordinal in here] == [
            (stretch.lap, row) for row in range(stretch.lo, stretch.hi)
        ]
        assert here
        assert len({ordinal // step for ordinal in here}) == 1
        seen += here
    assert seen == list(range(start, laps * rows))


def test_without_a_number_of_laps_it_goes_on_for_ever():
    ordinals = [stretch.ordinal for stretch in islice(stretches(timeline(np.arange(3)), 0, 10), 100)]
    assert ordinals[-1] > 200


def test_when_events_are_due():
    assert due(121_000, 1000, 120.0) == 1.0
    assert due(10**12, 0, None) == 0.0
