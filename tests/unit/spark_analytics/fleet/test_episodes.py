from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_analytics.fleet.episodes import Scored, Watched, episodes
from spark_analytics.fleet.insights import DAY_MS
from spark_analytics.fleet.standing import watches
from tests.unit.spark_analytics.fleet.synthetic import DAY_0, daily, known

BIN = 300_000
BINS = DAY_MS // BIN
JOINED = daily("joined", "mote-07", 0, {}, None, behind=(1, 0, 0))
BEGIN = Watched("mote-07", "test", 1, "local", BIN, DAY_0, DAY_0)


def bins(alarms, number=None, faults=None):
    faults = faults or {}
    number = number or max(alarms) + 10
    return [
        Scored(DAY_0 + i * BIN, i in alarms, 2.0 + i % 7 if i in alarms else 0.5, faults.get(i, ""), 10 * i)
        for i in range(number)
    ]


def shown(events):
    """Episodes as (first bin, bin after the last, alarmed)."""
    return [
        ((e.start - DAY_0) // BIN, (e.end - DAY_0) // BIN, e.numbers["bins"]) for e in events if e.kind == "episode"
    ]


def test_two_quiet_bins_belong_to_an_episode_and_three_end_it():
    found = list(episodes(BEGIN, bins({5, 6, 9, 13}), 0))
    assert shown(found) == [(5, 10, 3), (13, 14, 1)]


def test_an_episode_has_ended_three_bins_later():
    assert shown(episodes(BEGIN, bins({5}, 8), 0)) == []
    assert shown(episodes(BEGIN, bins({5}, 9), 0)) == [(5, 6, 1)]


def test_what_an_episode_says():
    [event] = episodes(BEGIN, bins({5, 6}, faults={5: "humidity stuck, temperature drift", 6: "temperature drift"}), 0)
    assert event.insight_id == f"episode/mote-07/local/{DAY_0 + 5 * BIN}"
    assert event.numbers == {"bins": 2, "severity": 8.0}
    assert event.labels == {"fault": "humidity stuck, temperature drift", "source": "local"}
    assert (event.reading_partition, event.first_offset, event.last_offset) == (1, 50, 60)


def test_a_day_of_alarms_waits_for_its_last_episode():
    over_midnight = set(range(BINS - 3, BINS + 6))
    found = list(episodes(BEGIN, bins(over_midnight, BINS + 8), 0))
    assert found == []
    found = list(episodes(BEGIN, bins(over_midnight, BINS + 9), 0))
    assert [e.kind for e in found] == ["episode", "alarms"]
    assert found[1].numbers == {"bins": BINS, "alarmed": 3, "episodes": 1, "severity": pytest.approx(8)}
    assert found[1].insight_id == f"alarms/mote-07/local/{DAY_0}"


def test_a_device_that_falls_silent_is_given_up_when_the_fleet_has_gone_past_its_day():
    dying = bins({50, 51}, 52)
    assert list(episodes(BEGIN, dying, DAY_0 + DAY_MS + 3_599_999)) == []
    found = list(episodes(BEGIN, dying, DAY_0 + DAY_MS + 3_600_000))
    assert [e.kind for e in found] == ["episode", "alarms"]
    # One that is still at it is not cut off by the fleet's clock.
    alive = bins(set(range(BINS - 3, BINS + 20)), BINS + 20)
    assert list(episodes(BEGIN, alive, DAY_0 + DAY_MS + 3_600_000)) == []


def test_other_sources_have_episodes_of_their_own():
    other = BEGIN._replace(source="stream")
    both = [e for watched in (BEGIN, other) for e in episodes(watched, bins(set(range(3)), BINS + 1), 0)]
    assert len({e.insight_id for e in both}) == 4
    assert watches(known(JOINED, *both[:2]), "stream", BIN)["mote-07"].since == DAY_0
    assert watches(known(JOINED, *both[:2]), "local", BIN)["mote-07"].since == DAY_0 + DAY_MS


@settings(max_examples=200, deadline=None)
@given(
    st.sets(st.one_of(st.integers(0, 3 * BINS), st.integers(BINS - 12, BINS + 12)), min_size=1, max_size=120),
    st.lists(st.integers(1, 3 * BINS), max_size=4),
)
def test_however_often_it_is_run_the_findings_are_the_same(alarms, cuts):
    everything = bins(alarms, 3 * BINS + 30)
    once = {e.insight_id: e for e in episodes(BEGIN, everything, 0)}
    found = known(JOINED)
    for cut in [*sorted(cuts), len(everything)]:
        watched = watches(found, "local", BIN)["mote-07"]
        for event in episodes(watched, [b for b in everything[:cut] if b.start >= watched.since], 0):
            assert found.setdefault(event.insight_id, event) == event
    del found[JOINED.insight_id]
    assert found == once
    # Each alarm is in one episode.
    spans = sorted((e.start, e.end) for e in once.values() if e.kind == "episode")
    for alarm in alarms:
        at = DAY_0 + alarm * BIN
        assert sum(start <= at < end for start, end in spans) == 1
    assert all(later[0] - earlier[1] > 2 * BIN for earlier, later in pairwise(spans))
