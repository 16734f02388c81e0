import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_analytics.fleet.days import Resumed, days
from spark_analytics.fleet.insights import DAY_MS
from spark_analytics.fleet.quality import quality, resumed
from tests.unit.spark_analytics.fleet.synthetic import DAY_0, columns

PLACE = ("mote-07", "test", 1)
HOUR = DAY_MS // 24


def one_by_one(times, unreadable, offsets):
    """Days as {number: [on time, late, jumped, unreadable, first offset, last offset]}, record after record."""
    found, newest, number = {}, int(times[0]), None
    records = sorted([(o, t) for o, t in zip(offsets, times, strict=True)] + [(o, None) for o in unreadable])
    for offset, time in records:
        if time is None:
            if number is None:
                continue
            place = 3
        elif time - newest > 60 * DAY_MS:
            place = 2
        else:
            newest = max(newest, time)
            own = time // DAY_MS
            number = own if number is None else max(number, own)
            place = 0 if own == number else 1
        row = found.setdefault(number, [0, 0, 0, 0, offset, offset])
        row[place] += 1
        row[5] = offset
    return found


def shown(day):
    counts = [len(day.times), day.late, day.jumped, day.unreadable, day.behind.first, day.behind.last]
    return day.span[0] // DAY_MS, counts


logs = st.lists(
    st.one_of(
        st.integers(-30, 80).map(lambda hours: DAY_0 + hours * HOUR),
        st.just(DAY_0 + 200 * DAY_MS),  # a clock that jumps
        st.none(),  # a record that is no reading
    ),
    min_size=1,
    max_size=40,
)


def split(log, begin=0):
    placed = [(begin + 3 * i, moment) for i, moment in enumerate(log)]
    good = [(o, t) for o, t in placed if t is not None]
    return [t for _, t in good], [o for o, t in placed if t is None], [o for o, _ in good]


@settings(max_examples=300, deadline=None)
@given(logs)
def test_days_are_what_one_record_after_the_other_makes(log):
    times, unreadable, offsets = split(log)
    if not times:
        return
    found = dict(shown(day) for day in days(*PLACE, columns(times, offsets=offsets), unreadable))
    assert found == one_by_one(times, unreadable, offsets)


@settings(max_examples=300, deadline=None)
@given(logs, st.integers(0, 40))
def test_reading_on_from_a_day_that_is_over_makes_the_same_days(log, cut):
    times, unreadable, offsets = split(log)
    if not times:
        return
    whole = list(days(*PLACE, columns(times, offsets=offsets), unreadable))
    upto = 3 * cut
    before = [i for i, offset in enumerate(offsets) if offset < upto]
    if not before:
        return
    readings = columns([times[i] for i in before], offsets=[offsets[i] for i in before])
    # All but the open one.
    over = list(days(*PLACE, readings, [o for o in unreadable if o < upto]))[:-1]
    last = over[-1].behind.last if over else -1
    goes_on = resumed(quality(over[-1])) if over else None
    after = [i for i, offset in enumerate(offsets) if offset > last]
    readings = columns([times[i] for i in after], offsets=[offsets[i] for i in after])
    rest = days(*PLACE, readings, [o for o in unreadable if o > last], goes_on)
    assert [shown(day) for day in [*over, *rest]] == [shown(day) for day in whole]


def test_every_record_is_counted_in_one_day():
    times = [DAY_0 + hour * HOUR for hour in (1, 2, 30, 5, 31, 50, 3)]
    made = list(days(*PLACE, columns(times, offsets=[1, 2, 4, 5, 7, 9, 10]), [3, 8, 11]))
    assert [shown(day)[1] for day in made] == [[2, 0, 0, 1, 1, 3], [2, 1, 0, 1, 4, 8], [1, 1, 0, 1, 9, 11]]


def test_what_is_late_for_the_last_day_waits_for_the_next():
    goes_on = Resumed(DAY_0 + DAY_MS, DAY_0 + 20 * HOUR)
    late = [DAY_0 + 21 * HOUR, DAY_0 + 22 * HOUR]
    assert list(days(*PLACE, columns(late), (), goes_on)) == []
    [day] = days(*PLACE, columns([*late, DAY_0 + 25 * HOUR]), (), goes_on)
    assert shown(day) == (DAY_0 // DAY_MS + 1, [1, 2, 0, 0, 0, 2])


def test_measurements_are_those_of_the_day_in_order_of_event_time():
    times = [DAY_0 + 2 * HOUR, DAY_0 + HOUR, DAY_0 + 30 * HOUR, DAY_0 + 3 * HOUR]
    values = [[value, np.nan, value, value] for value in (2.0, 1.0, 30.0, 3.0)]
    first, second = days(*PLACE, columns(times, values))
    assert first.times.tolist() == [DAY_0 + HOUR, DAY_0 + 2 * HOUR]
    assert first.values[:, 0].tolist() == [1.0, 2.0]
    assert second.values[:, 0].tolist() == [30.0]
