import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import EARLIEST
from schemas.events import FleetInsight
from schemas.positions import (
    BEGINNING,
    Placing,
    PositionsError,
    moves,
    placed_id,
    placings,
    positions,
    whereabouts,
)

DEVICES = [f"mote-{n:02d}" for n in range(1, 6)]
METRES = st.integers(-3, 3).map(float)
FILES = st.dictionaries(st.sampled_from(DEVICES), st.tuples(METRES, METRES))


def told(*files):
    """The log after a producer has started with each of the files."""
    log = []
    for file in files:
        log += moves(placings(log), file, "test", "a file")
    return log


def test_positions_are_read_as_the_intel_lab_writes_them():
    assert positions("1 21.5 23\n2 24.5 20\n\nroof 0 -1e1\n") == {
        "mote-01": (21.5, 23.0),
        "mote-02": (24.5, 20.0),
        "roof": (0.0, -10.0),
    }


@pytest.mark.parametrize("line", ["1 2", "1 2 3 4", "1 a 3", "7 1 1", "1 nan 2"])
def test_what_is_no_position_is_named_by_its_line(line):
    with pytest.raises(PositionsError, match="line 2"):
        positions(f"7 0 0\n{line}\n")


def test_a_placing_says_who_where_and_by_whom():
    [event] = told({"mote-07": (1.5, 2.0)})
    assert event == FleetInsight(
        *("placed/mote-07/631152000000", "placed", "mote-07", None, 631_152_000_000, 631_152_000_000),
        *({"x": 1.5, "y": 2.0}, {"according_to": "a file"}),
        dataset="test",
    )
    assert event.insight_id == placed_id("mote-07", 0)
    assert BEGINNING == EARLIEST


@given(st.lists(FILES, min_size=1, max_size=6))
def test_devices_are_where_the_newest_file_says_and_no_others_are_anywhere(files):
    log = told(*files)
    assert whereabouts(placings(log)) == files[-1]
    assert moves(placings(log), files[-1], "test", "another file") == [], "the same again is no news"
    assert len({event.insight_id for event in log}) == len(log)
    for device in DEVICES:
        numbers = [event.start - BEGINNING for event in log if event.device_id == device]
        assert numbers == list(range(len(numbers)))


@given(st.lists(FILES, min_size=1, max_size=5), st.data())
def test_in_any_order_and_however_often_the_same_events_say_the_same(files, data):
    log = told(*files)
    shuffled = data.draw(st.permutations(log + data.draw(st.lists(st.sampled_from(log), max_size=5)) if log else []))
    assert placings(shuffled) == placings(log)


@given(FILES, FILES, st.data())
def test_a_producer_that_dies_anywhere_is_finished_by_the_next(file, other, data):
    log = told(file)
    due = moves(placings(log), other, "test", "a file")
    log += due[: data.draw(st.integers(0, len(due)))]
    log += moves(placings(log), other, "test", "a file")
    assert sorted(log) == sorted(told(file, other))


def test_there_and_back_again_is_where_it_was():
    here, there = {"mote-01": (1.0, 1.0)}, {"mote-01": (2.0, 2.0)}
    log = told(here, there, here)
    assert placings(log) == {"mote-01": Placing(2, (1.0, 1.0))}


def test_of_two_placings_with_one_id_the_first_counts_and_other_findings_do_not():
    [first], [second] = told({"mote-01": (1.0, 1.0)}), told({"mote-01": (2.0, 2.0)})
    other = first._replace(kind="joined", start=first.start + 9)
    assert placings([first, second, other]) == {"mote-01": Placing(0, (1.0, 1.0))}
