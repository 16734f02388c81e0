from hypothesis import given
from hypothesis import strategies as st

from spark_analytics.fleet.closing import clock, passed
from spark_analytics.fleet.insights import DAY_MS, HOUR_MS
from spark_analytics.fleet.standing import Standing, over, standings, starts
from tests.unit.spark_analytics.fleet.synthetic import DAY_0, daily, known


def fleet(*newest):
    return {f"mote-{n:02d}": DAY_0 + round(days * DAY_MS) for n, days in enumerate(newest)}


def test_the_clock_is_the_median():
    assert clock(fleet(0.1, 0.2, 0.3)) == DAY_0 + round(0.2 * DAY_MS)
    assert clock(fleet(0.1, 0.2, 0.3, 0.4)) == DAY_0 + round(0.2 * DAY_MS)
    assert clock(fleet(0.5)) == DAY_0 + DAY_MS // 2


@given(st.lists(st.floats(0, 0.9), min_size=2, max_size=12), st.floats(1, 10_000))
def test_one_wrong_clock_does_not_decide(newest, wrong):
    assert clock(fleet(*newest, wrong)) <= DAY_0 + 0.9 * DAY_MS


def test_a_fleet_of_which_most_have_fallen_silent_goes_on():
    assert clock(fleet(*[3.0] * 12, 20.0, 20.1, 20.2, 20.3, 20.4)) >= DAY_0 + 20 * DAY_MS


def test_a_day_waits_an_hour():
    assert not passed(DAY_0 + HOUR_MS - 1, DAY_0)
    assert passed(DAY_0 + HOUR_MS, DAY_0)


def closing(device_id, day, last, newest_s=80_000.0):
    return daily("quality", device_id, day, {"newest_s": newest_s}, None, behind=(1, last - 10, last))


def joined(device_id, first):
    return daily("joined", device_id, 0, {}, None, behind=(1, first, first))


def test_what_is_new_begins_behind_the_slowest_device_even_if_none_of_its_days_is_over():
    events = known(
        *(joined("mote-01", 3), joined("mote-02", 40), joined("mote-03", 60)),
        *(closing("mote-01", 0, 50), closing("mote-01", 1, 90), closing("mote-03", 0, 70)),
    )
    found = standings(events)
    assert {name: standing.after for name, standing in found.items()} == {"mote-01": 90, "mote-02": 39, "mote-03": 70}
    assert found["mote-01"].newest == DAY_0 + DAY_MS + 80_000_000
    assert starts(found) == {1: 40}


def test_of_two_days_the_earlier_is_over_and_the_later_when_the_fleet_has_gone_past():
    mine = [closing("mote-01", 0, 50), closing("mote-01", 1, 90, 3_600.0)]
    others = {f"mote-{n}": Standing(0, 0, DAY_0 + DAY_MS, None) for n in (2, 3, 4)}
    found = over(mine, others)
    assert found.findings == mine[:1]
    later = {name: standing._replace(newest=DAY_0 + 2 * DAY_MS + HOUR_MS) for name, standing in others.items()}
    assert over(mine, later).findings == mine
    assert over([], {}) is None
