"""When windows close and what is in them."""

from collections import defaultdict
from itertools import chain

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator_stream.fold.restore import beginning
from aggregator_stream.fold.state import End, Located, Mark, Skipped
from aggregator_stream.fold.windows import steps
from forecaster import weights
from tests.unit.aggregator_stream.fleet import (
    MINUTE,
    RULES,
    START,
    WINDOW,
    fold,
    hash_of,
    merged,
    params,
    restored,
    update,
    written,
)
from tests.unit.forecaster.series import TINY

DEVICES = [f"mote-{number:02}" for number in range(1, 8)]


END = 1_000
"""Minute at which a device in every partition reports for the last time, so that what is before it gets decided."""


@st.composite
def fleets(draw):
    """Rows (device, sequence, minute, examples) of some devices over ten hours, in the order of event time."""
    rows = [(f"mote-{40 + partition}", 1, END, 1) for partition in range(4)]
    for device in draw(st.lists(st.sampled_from(DEVICES), min_size=1, max_size=5, unique=True)):
        minutes = sorted(draw(st.lists(st.integers(1, 60), min_size=1, max_size=20, unique=True)))
        rows += [(device, n + 1, 10 * minute, draw(st.integers(1, 50))) for n, minute in enumerate(minutes)]
    return sorted(rows, key=lambda row: row[2])


def logged(rows):
    """The rows on the log, every one written before the watermark that covers it."""
    return written([(update(device, n, minute, count), minute - 1) for device, n, minute, count in rows])


@st.composite
def with_posts(draw, vouched):
    """Such a log with updates in it that others have posted: their clocks and sequences go back and forth.

    ``vouched``: whether the fleet's own updates carry watermarks and partitions are marked.
    """
    log = logged(draw(fleets()))
    if not vouched:
        log = [[r._replace(watermark=None) for r in part if isinstance(r, Located)] for part in log]
    for device, sequence, share, off in draw(st.lists(POSTS, min_size=1, max_size=25)):
        part = log[device % 4]
        place = 1 + round(share * (len(part) - 1))
        now = max(r.watermark if vouched else r.update.event_time for r in part[:place] if r.offset >= 0)
        moment = max(now, START) + off * MINUTE if vouched or abs(off) < DAY else now
        posted = update(f"mote-{device}", sequence, 0, event_time=moment)
        part.insert(place, Located(posted, device % 4, -1))
    return [[r._replace(offset=n) for n, r in enumerate(part)] for part in log]


DAY = 24 * 60
YEARS = 25 * 365 * DAY
OFF = st.one_of(st.integers(-200, 200), st.sampled_from([-YEARS, -2 * DAY, 2 * DAY, YEARS]))
POSTS = st.tuples(st.integers(50, 53), st.integers(1, 9), st.floats(0, 1), OFF)
"""Device, sequence, where in the partition, and how far its clock is off, minutes: days only where somebody marks."""


def updates_of(log):
    return [record.update for record in chain(*log) if isinstance(record, Located)]


orders = st.lists(st.integers(0, 3), max_size=120)
without_positions = lambda models: [model._replace(resume_offsets={}) for model in models]  # noqa: E731


@settings(max_examples=60, deadline=None)
@given(fleets(), orders, orders)
def test_the_interleaving_of_partitions_changes_nothing(rows, one, other):
    log = logged(rows)
    first = fold(beginning(RULES), merged(log, one))[1]
    second = fold(beginning(RULES), merged(log, other))[1]
    assert len(first) >= (END - 620) // 30
    assert without_positions(first) == without_positions(second)


@pytest.mark.parametrize("vouched", [True, False])
@settings(max_examples=60, deadline=None)
@given(st.data(), orders, orders)
def test_nor_does_it_where_updates_are_posted_late_or_early(vouched, data, one, other):
    log = data.draw(with_posts(vouched))
    first, second = (fold(beginning(RULES), merged(log, order))[1] for order in (one, other))
    assert len(first) >= (END - 620) // 30
    assert without_positions(first) == without_positions(second)


@pytest.mark.parametrize("order", [[0] * 9, [1] * 9])
def test_an_update_behind_the_mark_that_closes_its_window_enters_the_next(order):
    log = written([(update(f"mote-0{d}", n, 30 * n), 30 * n) for n in range(1, 6) for d in (2, 3)], 2)
    place = 1 + next(n for n, r in enumerate(log[0]) if isinstance(r, Mark) and r.watermark == START + 60 * MINUTE)
    log[0].insert(place, Located(update("mote-50", 1, 20), 0, place))
    log[0] = [record._replace(offset=n) for n, record in enumerate(log[0])]
    _, models = fold(beginning(TWO), merged(log, order), TWO)
    assert len(models) == 4
    assert [ends([m]) for m in models if "mote-50" in {c.device_id for c in m.contributions}] == [[60]]


@settings(max_examples=60, deadline=None)
@given(fleets(), orders)
def test_windows_are_those_of_an_independent_grouping(rows, order):
    log = logged(rows)
    expected = defaultdict(list)
    for item in updates_of(log):
        expected[(item.event_time - START - 1) // WINDOW].append(item)
    _, models = fold(beginning(RULES), merged(log, order))
    for model in models:
        updates = expected[(model.window_start - START) // WINDOW]
        assert sorted(c.update_id for c in model.contributions) == sorted(u.update_id for u in updates)
        newest = {u.device_id: u for u in sorted(updates, key=lambda u: u.sequence)}
        learned = {d: sum(u.example_count for u in updates if u.device_id == d) for d in newest}
        accepted = {c.device_id: c for c in model.contributions if c.outcome == "accepted"}
        assert accepted.keys() == newest.keys()
        for device, contribution in accepted.items():
            assert contribution.update_id == newest[device].update_id
            assert contribution.coefficient == pytest.approx(learned[device] / sum(learned.values()))
        if newest:
            members = [(learned[d], params(hash_of(d, u.sequence))) for d, u in newest.items()]
            mean = jax.tree.map(
                lambda *arrays, n=[n for n, _ in members]: np.average(np.stack(arrays).astype(np.float64), 0, n),
                *(p for _, p in members),
            )
            found = weights.from_bytes(TINY, model.weights)
            jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), found, mean)


@settings(max_examples=40, deadline=None)
@given(fleets(), orders, st.data())
def test_updates_written_again_change_nothing(rows, order, data):
    log = logged(rows)
    once = fold(beginning(RULES), merged(log, order))[1]
    again = []
    for records in log:
        repeated = [*records, *data.draw(st.lists(st.sampled_from(records), max_size=5))] if records else []
        again.append([record._replace(offset=offset) for offset, record in enumerate(repeated)])
    twice = fold(beginning(RULES), merged(again, order))[1]
    assert [m.weights for m in once] == [m.weights for m in twice]
    assert [{c.update_id for c in m.contributions} for m in once] == [
        {c.update_id for c in m.contributions} for m in twice
    ]


@settings(max_examples=40, deadline=None)
@given(fleets(), orders, st.floats(0.1, 1), st.floats(0, 1), st.booleans())
def test_records_that_are_read_again_change_nothing(rows, order, share, part, vouched):
    """As when the consumer group goes back to what it has committed: in each partition, to before where it was."""
    log = [[r if vouched or isinstance(r, Mark) else r._replace(watermark=None) for r in part] for part in logged(rows)]
    if not vouched:
        log = [[r._replace(offset=n) for n, r in enumerate(r for r in part if isinstance(r, Located))] for part in log]
    sequence = list(merged(log, order))
    half = round(share * len(sequence))
    state, _ = fold(beginning(RULES), sequence[:half])
    # Only some of them, so that it shows where one of them has moved anything back.
    again, models = fold(state, sequence[: round(part * half)])
    assert (again._replace(held={}), models) == (state._replace(held={}), [])


@settings(max_examples=40, deadline=None)
@given(fleets(), orders, st.floats(0, 1))
def test_a_fold_that_is_killed_anywhere_goes_on_with_the_same_models(rows, order, share):
    log = logged(rows)
    sequence = list(merged(log, order))
    whole = fold(beginning(RULES), sequence)[1]
    killed = round(share * len(sequence))
    _, before = fold(beginning(RULES), sequence[:killed])
    state = restored(RULES, before)
    left = [record for record in sequence if record.offset >= state.positions.get(record.partition, 0)]
    _, after = fold(state, left)
    assert without_positions(before + after) == without_positions(whole)


@settings(max_examples=40, deadline=None)
@given(fleets(), orders, st.lists(st.tuples(st.integers(0, 3), st.floats(0, 1)), min_size=1, max_size=30))
def test_records_that_say_nothing_change_nothing_wherever_they_lie(rows, order, places):
    log = logged(rows)
    spoiled = [list(records) for records in log]
    for partition, share in places:
        spoiled[partition].insert(round(share * len(spoiled[partition])), Skipped(partition, 0))
    spoiled = [[record._replace(offset=offset) for offset, record in enumerate(records)] for records in spoiled]
    plain, models = (fold(beginning(RULES), merged(of, order))[1] for of in (log, spoiled))
    said = lambda models: [(m.window_end, m.weights, {c.update_id for c in m.contributions}) for m in models]  # noqa: E731
    assert len(plain) > 10
    assert said(plain) == said(models)


@pytest.mark.parametrize("vouched", [True, False])
@settings(max_examples=40, deadline=None)
@given(st.data(), orders, st.floats(0, 1), orders)
def test_a_kill_loses_no_update_whatever_its_clock_and_sequence(vouched, data, order, share, other):
    log = data.draw(with_posts(vouched))
    sequence = list(merged(log, order))
    whole = fold(beginning(RULES), sequence)[1]
    assert len(whole) >= (END - 620) // 30
    _, before = fold(beginning(RULES), sequence[: round(share * len(sequence))])
    state = restored(RULES, before)
    left = merged([part[state.positions.get(partition, 0) :] for partition, part in enumerate(log)], other)
    assert without_positions(before + fold(state, left)[1]) == without_positions(whole)


def test_a_kill_does_not_drop_the_update_that_a_corrected_one_has_overtaken():
    """Its device sent it with a clock two hours ahead, and then one with the right time, which is decided first."""
    one = RULES._replace(partitions=1)
    posted = [update("mote-50", 1, 145), update("mote-50", 2, 25)]
    own = [update("mote-01", n, 30 * n) for n in range(1, 8)]
    rows = [Located(own[0], 0, 0, START + 10 * MINUTE), *(Located(u, 0, 1 + n) for n, u in enumerate(posted))]
    rows += [Located(u, 0, 2 + n, u.event_time) for n, u in enumerate(own[1:], 1)]
    whole = fold(beginning(one), rows, one)[1]
    _, [first] = fold(beginning(one), rows[:4], one)
    state = restored(one, [first])
    assert [c.update_id for c in first.contributions] == ["mote-01/1", "mote-50/2"]
    _, after = fold(state, rows[state.positions[0] :], one)
    assert without_positions([first, *after]) == without_positions(whole)
    entered = [ends([m]) for m in whole if "mote-50/1" in {c.update_id for c in m.contributions}]
    assert entered == [[150]]


def test_a_window_includes_its_end_and_closes_ten_minutes_behind_it():
    rows = [(update("mote-01", 1, 30), 30), (update("mote-01", 2, 40), 39.9), (update("mote-01", 3, 50), 40)]
    log = written(rows, 1, marks=False)
    one = RULES._replace(partitions=1)
    state, models = fold(beginning(one), log[0][:2], one)
    assert models == []
    state, [model] = fold(state, log[0][2:], one)
    assert (model.window_start, model.window_end) == (START, START + WINDOW)
    assert [c.update_id for c in model.contributions] == ["mote-01/1"]
    assert {located.update.update_id for located in state.pending.values()} == {"mote-01/2", "mote-01/3"}
    assert model.resume_offsets == {"0": 1}


def test_an_update_that_comes_out_of_turn_enters_the_next_window():
    rows = [(update("mote-01", 1, 20), 20), (update("mote-01", 2, 60), 60), (update("mote-05", 1, 25), 60)]
    rows.append((update("mote-01", 3, 80), 80))
    log = written(rows, 1)
    one = RULES._replace(partitions=1)
    _, models = fold(beginning(one), log[0], one)
    assert [[c.update_id for c in model.contributions] for model in models] == [
        ["mote-01/1"],
        ["mote-01/2", "mote-05/1"],
    ]


@pytest.mark.parametrize(("closed_at", "window"), [(31, 0), (39.9, 0), (40, 1), (69.9, 1), (70, 2), (135, 4)])
@pytest.mark.parametrize("pace", [1, 10, 60])
def test_the_window_of_an_update_does_not_depend_on_the_pace_at_which_its_readings_were_read(closed_at, window, pace):
    """The writer's watermark moves in leaps of ``pace`` minutes, and what it has trained on until then is written."""
    late = update("mote-02", 1, 25, closed_at=START + int(closed_at * MINUTE))
    steady = [update("mote-01", n, 10 * n, closed_at=START + (10 * n + 1) * MINUTE) for n in range(1, 40)]
    rows = sorted([*steady, late], key=lambda row: row.closed_at)
    log = written([(row, (row.closed_at - START) // MINUTE // pace * pace) for row in rows])
    _, models = fold(beginning(RULES), merged(log, []))
    [found] = [m for m in models if "mote-02" in {c.device_id for c in m.contributions}]
    assert (found.window_start - START) // WINDOW == window
    for model in models:
        own = {c.event_time for c in model.contributions if c.device_id == "mote-01"}
        assert own == {t.event_time for t in steady if model.window_start < t.event_time <= model.window_end}


def test_a_window_without_updates_lets_the_model_stand_and_says_so():
    log = written([(update("mote-01", 1, 20), 20), (update("mote-01", 2, 100), 100)], 1)
    one = RULES._replace(partitions=1)
    _, [first, second, third] = fold(beginning(one), log[0], one)
    assert (first.promotion, second.promotion, third.promotion) == ("promoted", "unchanged", "unchanged")
    assert second.contributions == ()
    assert second.example_count == 0
    assert first.weights == second.weights == third.weights
    assert [m.version for m in (first, second, third)] == [1, 2, 3]
    assert [m.parent_version for m in (first, second, third)] == [0, 1, 2]


def test_a_partition_that_has_not_been_read_holds_windows_up_however_far_it_is_behind():
    rows = [(update("mote-01", n, 10 * n), 10 * n) for n in range(1, 100)]
    log = written([(update("mote-02", 1, 5), 5), *rows, (update("mote-02", 2, 990), 990)], 2)
    two = RULES._replace(partitions=2)
    state, models = fold(beginning(two), [*log[0][:2], *log[1]], two)
    assert models == []
    _, models = fold(state, log[0][2:], two)
    assert len(models) == (990 - 10) // 30
    assert models[0].contributions[0].device_id == "mote-02"


def test_a_partition_without_devices_holds_nothing_up():
    log = written([(update("mote-01", n, 10 * n), 10 * n) for n in range(1, 20)])
    _, models = fold(beginning(RULES), merged(log, []))
    assert len(models) == (190 - 10) // 30
    assert all(len(model.contributions) == 3 for model in models)
    _, models = fold(beginning(RULES), [record for record in merged(log, []) if record.partition != 2])
    assert models == [], "nobody has said that the partition has nothing"


def test_a_window_closes_while_nobody_has_an_update_for_the_next_one_yet():
    """As it is where devices send one a window; in step, none comes before the model that this window makes."""
    rules = RULES._replace(config=TINY._replace(update_bins=6))
    log = written([(update(device, 1, 30), 30) for device in DEVICES])
    for minute, ends in ((39, []), (40, [START + WINDOW])):
        marks = [Mark(partition, len(log[partition]), START + minute * MINUTE) for partition in range(4)]
        _, models = fold(beginning(rules), [*chain(*log), *marks], rules)
        assert [model.window_end for model in models] == ends


def test_a_watermark_that_lies_closes_no_window_whose_time_has_not_come():
    one = RULES._replace(partitions=1)
    log = written([(update("mote-01", 1, 20), 50_000_000), (update("mote-01", 2, 45), 45)], 1)
    _, models = fold(beginning(one), log[0], one)
    assert [model.window_end for model in models] == [START + WINDOW]


def test_a_clock_that_is_ahead_moves_its_own_partition_only():
    rows = [(update("mote-01", 1, 20), 20), (update("mote-02", 1, 20), 20), (update("mote-03", 1, 500_000), 500_000)]
    rows += [(update("mote-04", 1, 20), 20), (update("mote-01", 2, 40), 40)]
    log = written(rows, marks=False)
    assert fold(beginning(RULES), chain(*log))[1] == []


def unmarked(rows, partitions=2):
    """Updates as devices write them that nobody collects: without any watermark."""
    return [[r._replace(watermark=None) for r in part] for part in written(rows, partitions, marks=False)]


TWO = RULES._replace(partitions=2)


def test_without_a_writer_that_marks_the_updates_own_times_close_windows():
    rows = [(update(device, n, 30 * n), 0) for n in range(1, 5) for device in ("mote-01", "mote-02")]
    log = unmarked(rows)
    for order in ([], [0] * 4, [1] * 4):
        _, models = fold(beginning(TWO), merged(log, order), TWO)
        assert [{c.update_id for c in model.contributions} for model in models] == [
            {f"mote-01/{n}", f"mote-02/{n}"} for n in (1, 2, 3)
        ]


def test_a_silent_partition_holds_nothing_up_once_it_has_been_seen_to_end():
    rows = [(update("mote-02", 1, 30), 0), *((update("mote-01", n, 30 * n), 0) for n in range(1, 9))]
    silent, busy = unmarked(rows)
    state, models = fold(beginning(TWO), [*silent, *busy], TWO)
    assert models == [], "who knows whether mote-02 has more to say"
    assert fold(state, [End(0, 2)], TWO)[1] == [], "there is another record, and it has not been read"
    state, models = fold(state, [End(0, 1)], TWO)
    assert [len(model.contributions) for model in models] == [2, 1, 1, 1, 1, 1, 1]
    late = Located(update("mote-02", 2, 90), 0, 1)
    state, models = fold(state, [late, Located(update("mote-01", 9, 275), 1, len(busy))], TWO)
    assert models == [], "mote-02 is back, and waited for"
    _, [model] = fold(state, [End(0, 2)], TWO)
    assert {c.update_id for c in model.contributions} == {"mote-01/8", "mote-02/2"}


def test_a_partition_that_never_had_a_record_holds_nothing_up_once_it_has_been_seen_to_end():
    busy = unmarked([(update("mote-01", n, 30 * n), 0) for n in range(1, 5)])[1]
    state, models = fold(beginning(TWO), busy, TWO)
    assert models == []
    assert len(fold(state, [End(0, 0)], TWO)[1]) == 3


@pytest.mark.parametrize("silent", [0, 1])
def test_a_partition_that_ends_with_a_record_that_says_nothing_holds_nothing_up(silent):
    rows = [*((update("mote-02", n, 30), 0) for n in range(1, silent + 1))]
    rows += [(update("mote-01", n, 30 * n), 0) for n in range(1, 9)]
    quiet, busy = unmarked(rows)
    records = [*quiet, Skipped(0, len(quiet)), *busy]
    state, models = fold(beginning(TWO), [*records, End(0, len(quiet) + 2)], TWO)
    assert models == [], "there is another record, and it has not been read"
    state, models = fold(state, [End(0, len(quiet) + 1)], TWO)
    assert len(models) == 7
    assert restored(TWO, models).positions[0] <= len(quiet) + 1


def test_where_a_writer_marks_nobody_else_says_that_a_partition_is_silent():
    rows = [(update("mote-02", 1, 30), 30), *((update("mote-01", n, 30 * n), 30 * n) for n in range(1, 9))]
    silent, busy = written(rows, 2, marks=False)
    assert fold(beginning(TWO), [*silent, *busy, End(0, 1)], TWO)[1] == []


def test_a_partition_that_is_marked_goes_by_its_marks_from_then_on():
    rows = unmarked([(update("mote-01", 1, 400), 0)], 1)[0]
    one = RULES._replace(partitions=1)
    state, _ = fold(beginning(one), [*rows, Mark(0, 1, START + 20 * MINUTE)], one)
    assert state.clocks[0].watermark == START + 20 * MINUTE


def ends(models):
    return [(model.window_end - START) // MINUTE for model in models]


@pytest.mark.parametrize("place", range(1, 6))
def test_one_device_whose_clock_is_off_by_years_takes_nobody_along(place):
    """Unless it is the first of all, which is believed until another one is heard."""
    rows = [(update(device, n, 30 * n), 0) for n in range(1, 5) for device in ("mote-01", "mote-02")]
    lies = [(update("mote-03", n, YEARS + 30 * n), 0) for n in (1, 2)]
    one = RULES._replace(partitions=1)
    records = [
        record._replace(offset=n)
        for n, record in enumerate(unmarked([*rows[:place], lies[0], rows[place], lies[1], *rows[place + 1 :]], 1)[0])
    ]
    state, models = fold(beginning(one), records, one)
    assert ends(models) == [30, 60, 90]
    lied = [c for model in models for c in model.contributions if c.device_id == "mote-03"]
    assert {(c.outcome, c.reason.split(":")[0]) for c in lied} == {("rejected", "its clock is ahead of all others")}
    assert all({"mote-01", "mote-02"} <= {c.device_id for c in model.contributions} for model in models)
    again = restored(one, models)
    left = [record for record in records if record.offset >= again.positions[0]]
    assert fold(again, left, one)[1] == []
    decided = [c.update_id for model in models for c in model.contributions]
    assert len(decided) + len(state.pending) == len(records) == len(set(decided)) + len(state.pending)


def test_after_a_long_silence_two_devices_say_how_late_it_is():
    one = RULES._replace(partitions=1)
    rows = [(update("mote-01", 1, 30), 0), (update("mote-01", 2, 60), 0)]
    rows += [(update("mote-01", 3, 3 * DAY), 0), (update("mote-01", 4, 3 * DAY + 30), 0)]
    first = unmarked(rows, 1)[0]
    state, models = fold(beginning(one), first, one)
    assert ends(models) == [30], "mote-01 alone says that three days have passed"
    second = Located(update("mote-02", 1, 3 * DAY + 30), 0, len(first))
    state, models = fold(state, [second], one)
    assert ends(models)[-1] == 3 * DAY
    assert len(models) == 3 * DAY // 30 - 1


def test_a_clock_that_is_years_behind_is_not_the_beginning_where_two_devices_say_so():
    one = RULES._replace(partitions=1)
    rows = [(update(device, n, 30 * n), 0) for n in range(1, 4) for device in ("mote-01", "mote-02")]
    rows.insert(0, (update("mote-03", 1, -YEARS // 4), 0))
    _, models = fold(beginning(one), unmarked(rows, 1)[0], one)
    assert ends(models)[-1] == 60
    assert len(models) <= 50
    assert {c.device_id for model in models for c in model.contributions} == {"mote-01", "mote-02", "mote-03"}


@pytest.mark.parametrize("place", [0, 1, 3])
@pytest.mark.parametrize("order", [[0] * 99, [1] * 99])
def test_devices_with_todays_clock_beside_an_older_log_are_rejected_and_not_waited_for(place, order):
    log = written([(update(f"mote-0{d}", n, 30 * n), 30 * n) for n in range(1, 20) for d in (2, 3)], 2)
    for device, part in ((50, 0), (52, 0), (51, 1)):
        log[part].insert(place, Located(update(f"mote-{device}", 1, YEARS), part, -1))
    log = [[r._replace(offset=n) for n, r in enumerate(part)] for part in log]
    state, models = fold(beginning(TWO), merged(log, order), TWO)
    assert ends(models) == [30 * n for n in range(1, 19)]
    lied = {c.update_id: (c.outcome, c.reason.split(":")[0]) for m in models for c in m.contributions if c.reason}
    assert lied == dict.fromkeys(
        ("mote-50/1", "mote-51/1", "mote-52/1"), ("rejected", "its clock is ahead of all others")
    )
    assert {item.update.update_id for item in state.pending.values()} == {"mote-02/19", "mote-03/19"}
    assert state.newest == START + 19 * WINDOW
    assert all(models[-1].resume_offsets[str(p)] > len(part) - 15 for p, part in enumerate(log))


def test_the_first_clock_of_all_does_not_keep_others_of_its_partition_waiting():
    rows = [(update(device, n, 30 * n), 0) for n in range(1, 5) for device in ("mote-01", "mote-02")]
    log = unmarked([(update("mote-04", 1, YEARS), 0), *rows])
    _, models = fold(beginning(TWO), chain(log[0][:1], merged([log[1], log[0][1:]], [0, 1] * 9)), TWO)
    assert ends(models) == [30, 60, 90]
    assert {c.update_id for m in models for c in m.contributions} >= {f"mote-02/{n}" for n in (1, 2, 3)}


def test_windows_are_decided_one_by_one_and_a_fold_goes_on_from_each():
    decided = []

    def counting(*given):
        decided.append(given)
        return RULES.strategy.update(*given)

    two = TWO._replace(strategy=RULES.strategy._replace(update=counting))
    busy = unmarked([(update("mote-01", n, 30 * n), 0) for n in range(1, 9)])[1]
    state, models = fold(beginning(two), busy, two)
    assert (models, decided) == ([], [])
    whole = fold(state, [End(0, 0)], two)[1]
    assert len(whole) == 7
    decided.clear()
    for number, (after, model) in enumerate(steps(two, state, End(0, 0))):
        assert model == ([None, *whole])[number]
        assert len(decided) == number, "it was decided before anybody asked for it"
        if number == 3:
            assert fold(after, [End(0, 0)], two)[1] == whole[number:]
            del decided[number:]


def test_a_device_alone_moves_time_by_less_than_a_day_at_once():
    one = RULES._replace(partitions=1)
    rows = [(update("mote-01", n + 1, 30 + n * (DAY - 1)), 0) for n in range(4)]
    _, models = fold(beginning(one), unmarked(rows, 1)[0], one)
    assert ends(models)[-1] == (30 + 3 * (DAY - 1) - 10) // 30 * 30
