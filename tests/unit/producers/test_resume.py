import random
from collections import defaultdict

import pytest

from producers import outgoing as outgoing_module
from producers import resume
from producers.dataset import letter_prefix
from producers.outgoing import Partitions, outgoing, receiving
from producers.replay import stretches
from producers.resume import OtherReplayError, Tail, check, resumption
from schemas.events import Reading

STEP = 250  # ordinals between barriers here
PARTITIONS = Partitions(4, 4)
LAPS = 2


@pytest.fixture(autouse=True)
def _near_barriers(monkeypatch):
    monkeypatch.setattr(resume, "BARRIER", STEP)


def tails_of(log):
    return [
        Tail(partition, last.position, last.device_id, last.event_time, last.dataset)
        for (topic, partition), events in log.items()
        if topic is Reading and (last := events[-1] if events else None)
    ]


def replayed(data, log):
    """All that a (re)started producer sends, as (barrier, event, topic, partition)."""
    tails = tails_of(log)
    check(tails, data, PARTITIONS.iot_stream)
    onward = resumption(tails, PARTITIONS.iot_stream, receiving(data, PARTITIONS.iot_stream).values())
    start = int(data.rows["event_time"][onward.letters_from % len(data.rows)])
    prefix = letter_prefix(data.name)
    sent = {
        event.letter_id
        for (topic, _), events in log.items()
        if topic is not Reading
        for event in events
        if event.letter_id.startswith(prefix) and event.origin_timestamp >= start
    }
    for stretch in stretches(data.timeline, onward.start, STEP, LAPS):
        for event, partition, _ in outgoing(data, stretch, onward, sent, PARTITIONS):
            yield stretch.ordinal // STEP, event, (type(event), partition)


def undisturbed(data):
    log = defaultdict(list)
    for _, event, place in replayed(data, log):
        log[place].append(event)
    return log


def killed(data, log, chance):
    """Runs until killed: each partition keeps some prefix of what is under way, all of what lies before a barrier."""
    pending, barrier = defaultdict(list), None
    for number, event, place in replayed(data, log):
        if number != barrier:
            for where, events in pending.items():
                log[where] += events
            pending, barrier = defaultdict(list), number
        pending[place].append(event)
        if chance.random() < 1 / 700:
            for where, events in pending.items():
                log[where] += events[: chance.randint(0, len(events))]
            return True
    for where, events in pending.items():
        log[where] += events
    return False


@pytest.mark.parametrize("seed", range(12))
def test_however_often_it_is_killed_the_log_is_the_undisturbed_one(small, seed):
    chance, log, deaths = random.Random(seed), defaultdict(list), 0
    while killed(small, log, chance):
        deaths += 1
    whole = undisturbed(small)
    assert deaths > 3
    assert {place: events for place, events in log.items() if place[0] is Reading and events} == {
        place: events for place, events in whole.items() if place[0] is Reading
    }
    letters = [e.letter_id for (topic, _), events in log.items() if topic is not Reading for e in events]
    expected = [e.letter_id for (topic, _), events in whole.items() if topic is not Reading for e in events]
    assert sorted(letters) == sorted(expected)


def test_the_undisturbed_log_has_each_accepted_row_in_each_lap_and_each_rejected_row_once(small):
    whole = undisturbed(small)
    readings = [e for (topic, _), events in whole.items() if topic is Reading for e in events]
    letters = [e for (topic, _), events in whole.items() if topic is not Reading for e in events]
    accepted = int((small.rows["verdict"] == 0).sum())
    assert len({e.position for e in readings}) == len(readings) == LAPS * accepted
    assert len({e.letter_id for e in letters}) == len(letters) == len(small.rows) - accepted > 5
    lines = bytes(small.text).split(b"\n")
    assert all(e.original == lines[e.origin_offset] and e.origin_partition == -1 for e in letters)
    assert {e.error_class for e in letters} == {"RejectedReading"}
    for events in whole.values():
        if isinstance(events[0], Reading):
            assert [e.event_time for e in events] == sorted(e.event_time for e in events)


def test_an_empty_partition_that_no_key_goes_to_does_not_matter():
    tails = [Tail(0, 999, "mote-01", 0, "x"), Tail(2, 990, "mote-02", 0, "x")]
    assert resumption(tails, 4, {0, 2}) == (min(991, 999 // STEP * STEP), 999 // STEP * STEP, (999, -1, 990, -1))
    assert resumption(tails, 4, {0, 1, 2}).start == 0
    assert resumption([], 4, {0, 1, 2}) == (0, 0, (-1, -1, -1, -1))


def test_it_refuses_another_replay(small):
    readings = [e for (topic, _), events in undisturbed(small).items() if topic is Reading for e in events]
    one = readings[len(readings) // 2]
    home = outgoing_module.partition_of(one.device_id.encode(), 4)
    good = Tail(home, one.position, one.device_id, one.event_time, one.dataset)
    check([good], small, 4)
    for wrong, says in [
        (good._replace(dataset="intel_lab"), "'intel_lab'"),
        (good._replace(device_id="mote-99"), "another file of the same name"),
        (good._replace(event_time=one.event_time + 1), "another file of the same name"),
        (good._replace(partition=(home + 1) % 4), "partitions have changed"),
    ]:
        with pytest.raises(OtherReplayError, match=says) as refusal:
            check([wrong], small, 4)
        assert "make clean" in str(refusal.value)
