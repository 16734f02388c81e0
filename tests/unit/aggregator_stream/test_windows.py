"""When windows close and what is in them."""

from collections import defaultdict
from itertools import chain

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator_stream.restore import beginning, restore
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


orders = st.lists(st.integers(0, 3), max_size=120)
without_positions = lambda models: [model._replace(resume_offsets={}) for model in models]  # noqa: E731


@settings(max_examples=60, deadline=None)
@given(fleets(), orders, orders)
def test_the_interleaving_of_partitions_changes_nothing(rows, one, other):
    log = logged(rows)
    first = fold(beginning(RULES), log, merged(log, one))[1]
    second = fold(beginning(RULES), log, merged(log, other))[1]
    assert len(first) >= (END - 620) // 30
    assert without_positions(first) == without_positions(second)


@settings(max_examples=60, deadline=None)
@given(fleets(), orders)
def test_windows_are_those_of_an_independent_grouping(rows, order):
    log = logged(rows)
    expected = defaultdict(list)
    for located in chain(*log):
        expected[(located.update.event_time - START - 1) // WINDOW].append(located.update)
    _, models = fold(beginning(RULES), log, merged(log, order))
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
    once = fold(beginning(RULES), log, merged(log, order))[1]
    again = []
    for records in log:
        repeated = [*records, *data.draw(st.lists(st.sampled_from(records), max_size=5))] if records else []
        again.append([located._replace(offset=offset) for offset, located in enumerate(repeated)])
    twice = fold(beginning(RULES), again, merged(again, order))[1]
    assert [m.weights for m in once] == [m.weights for m in twice]
    assert [{c.update_id for c in m.contributions} for m in once] == [
        {c.update_id for c in m.contributions} for m in twice
    ]


@settings(max_examples=40, deadline=None)
@given(fleets(), orders, st.floats(0, 1))
def test_a_fold_that_is_killed_anywhere_goes_on_with_the_same_models(rows, order, share):
    log = logged(rows)
    sequence = list(merged(log, order))
    whole = fold(beginning(RULES), log, sequence)[1]
    killed = round(share * len(sequence))
    _, before = fold(beginning(RULES), log, sequence[:killed])
    restored = restore(RULES, before)
    left = [located for located in sequence if located.offset >= restored.positions.get(located.partition, 0)]
    _, after = fold(restored, log, left)
    assert without_positions(before + after) == without_positions(whole)


def test_a_window_includes_its_end_and_closes_ten_minutes_behind_it():
    log = written([(update("mote-01", 1, 30), 30), (update("mote-01", 2, 40), 39.9), (update("mote-01", 3, 50), 40)], 1)
    one = RULES._replace(partitions=1)
    state, models = fold(beginning(one), log, log[0][:2], one)
    assert models == []
    state, [model] = fold(state, log, log[0][2:], one)
    assert (model.window_start, model.window_end) == (START, START + WINDOW)
    assert [c.update_id for c in model.contributions] == ["mote-01/1"]
    assert [located.update.update_id for located in state.pending] == ["mote-01/2", "mote-01/3"]
    assert model.resume_offsets == {"0": 1}


def test_an_update_after_its_window_enters_the_next():
    rows = [(update("mote-01", 1, 20), 20), (update("mote-01", 2, 60), 60), (update("mote-05", 1, 25), 60)]
    rows.append((update("mote-01", 3, 80), 80))
    log = written(rows, 1)
    one = RULES._replace(partitions=1)
    _, models = fold(beginning(one), log, log[0], one)
    assert [[c.update_id for c in model.contributions] for model in models] == [
        ["mote-01/1"],
        ["mote-01/2", "mote-05/1"],
    ]


def test_a_window_without_updates_lets_the_model_stand_and_says_so():
    log = written([(update("mote-01", 1, 20), 20), (update("mote-01", 2, 100), 100)], 1)
    one = RULES._replace(partitions=1)
    _, [first, second, third] = fold(beginning(one), log, log[0], one)
    assert (first.promotion, second.promotion, third.promotion) == ("promoted", "unchanged", "unchanged")
    assert second.contributions == ()
    assert second.example_count == 0
    assert first.weights == second.weights == third.weights
    assert [m.version for m in (first, second, third)] == [1, 2, 3]
    assert [m.parent_version for m in (first, second, third)] == [0, 1, 2]


def test_a_partition_with_unread_records_holds_windows_up_however_far_it_is_behind():
    rows = [(update("mote-01", n, 10 * n), 10 * n) for n in range(1, 100)]
    log = written([(update("mote-02", 1, 5), 5), *rows, (update("mote-02", 2, 990), 990)], 2)
    two = RULES._replace(partitions=2)
    state, models = fold(beginning(two), log, [log[0][0], *log[1]], two)
    assert models == []
    _, models = fold(state, log, log[0][1:], two)
    assert len(models) == (990 - 10) // 30
    assert models[0].contributions[0].device_id == "mote-02"


def test_a_silent_partition_holds_windows_up_for_six_hours_only():
    log = written([(update("mote-01", n, 10 * n), 10 * n) for n in range(1, 60)], 2)
    two = RULES._replace(partitions=2)
    state = beginning(two)
    for located in log[1]:
        state, _ = fold(state, log, [located], two)
        past = located.watermark - log[1][0].update.event_time > 6 * 60 * MINUTE
        assert bool(state.version) == past


def test_a_watermark_that_lies_closes_no_window_whose_time_has_not_come():
    one = RULES._replace(partitions=1)
    log = written([(update("mote-01", 1, 20), 50_000_000), (update("mote-01", 2, 45), 45)], 1)
    _, models = fold(beginning(one), log, log[0], one)
    assert [model.window_end for model in models] == [START + WINDOW]


def test_a_clock_that_is_ahead_moves_its_own_partition_only():
    rows = [(update("mote-01", 1, 20), 20), (update("mote-02", 1, 20), 20), (update("mote-03", 1, 500_000), 20)]
    rows += [(update("mote-04", 1, 20), 20), (update("mote-01", 2, 40), 40)]
    log = written(rows)
    assert fold(beginning(RULES), log, chain(*log))[1] == []
