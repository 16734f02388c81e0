"""An operator's rollback and release: what they change, and that a killed aggregator obeys each once."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator_stream.fold.commands import CommandError, passed
from aggregator_stream.fold.restore import beginning
from aggregator_stream.fold.state import Mark, Order
from aggregator_stream.fold.windows import step
from schemas.events import Decision, ModelCommand
from tests.unit.aggregator_stream.fleet import MINUTE, RULES, START, WINDOW, fold, restored, update, written
from tests.unit.aggregator_stream.test_verification import checked

ONE = RULES._replace(partitions=1)
RECORDS = written([(update("mote-01", n, 30 * n), 30 * n) for n in range(1, 13)], 1)[0]


def order(number, action, version, models, **changes):
    command = ModelCommand(f"c-{number}", "fleet", action, version, "because", 0)._replace(**changes)
    return Order(command, 0, number, next((model for model in models if model.version == version), None))


def half_way():
    return fold(beginning(ONE), RECORDS[: len(RECORDS) // 2], ONE)


def test_a_rollback_is_an_event_of_its_own_with_the_older_versions_weights():
    state, models = half_way()
    newest = models[-1].version
    state, [event] = step(ONE, state, order(0, "rollback", 2, models))
    assert (event.version, event.parent_version, event.champion, event.pinned) == (newest + 1, 2, 2, True)
    assert event.weights == models[1].weights
    assert (event.window_start, event.window_end) == (models[-1].window_end,) * 2
    assert event.contributions == ()
    assert (event.promotion, event.reason) == ("unchanged", "rollback by c-0: because")
    assert event.decisions == (
        Decision(2, "promoted", "c-0", "because"),
        Decision(newest, "rolled_back", "c-0", "because"),
    )
    assert event.command_offsets == {"0": 1}


def test_later_versions_are_candidates_until_the_release():
    state, models = half_way()
    state, [event] = step(ONE, state, order(0, "rollback", 2, models))
    third = 3 * len(RECORDS) // 4
    state, pinned = fold(state, RECORDS[len(RECORDS) // 2 : third], ONE)
    assert {(model.promotion, model.champion, model.pinned) for model in pinned} == {("candidate", 2, True)}
    state, [released] = step(ONE, state, order(1, "release", 0, models))
    assert released.weights == pinned[-1].weights
    assert (released.champion, released.pinned) == (released.version, False)
    assert released.decisions == (Decision(released.version, "promoted", "c-1", "because"),)
    _, after = fold(state, RECORDS[third:], ONE)
    assert {(model.promotion, model.champion == model.version) for model in after} == {("promoted", True)}
    every = [*models, event, *pinned, released, *after]
    assert [model.version for model in every] == list(range(1, len(every) + 1))
    places = {(r.partition, r.offset): r.update for r in RECORDS if not isinstance(r, Mark)}
    assert checked(every, places) == {}
    spoiled = event._replace(weights=models[2].weights)
    found = checked([spoiled if model is event else model for model in every], places)
    assert found[event.version] == ["weights is not what its command makes"]
    for changes, name in (
        ({"champion": 1}, "parent_version"),
        ({"candidates": (1,)}, "candidates"),
        ({"pinned": False}, "pinned"),
    ):
        spoiled = event._replace(**changes)
        found = checked([spoiled if model is event else model for model in every], places)
        assert f"{name} is not what its command makes" in found[event.version]


def test_windows_close_on_the_same_updates_with_and_without_commands():
    state, models = half_way()
    plain = fold(state, RECORDS[len(RECORDS) // 2 :], ONE)[1]
    state, _ = step(ONE, state, order(0, "rollback", 2, models))
    ruled = fold(state, RECORDS[len(RECORDS) // 2 :], ONE)[1]
    assert [(m.window_end, m.weights) for m in plain] == [(m.window_end, m.weights) for m in ruled]
    assert [m.version + 1 for m in plain] == [m.version for m in ruled]


@pytest.mark.parametrize(
    ("action", "version", "said"),
    [
        ("rollback", 99, "version 99 is not on the log: the newest is"),
        ("release", 0, "nothing is pinned"),
        ("promote", 1, "action 'promote' is none of rollback, release"),
    ],
)
def test_a_command_that_cannot_be_obeyed_says_why(action, version, said):
    state, models = half_way()
    with pytest.raises(CommandError, match=said):
        step(ONE, state, order(0, action, version, models))


def test_a_version_of_another_architecture_is_not_gone_back_to():
    state, models = half_way()
    other = order(0, "rollback", 2, [models[1]._replace(architecture="tanh-1-1")])
    with pytest.raises(CommandError, match="version 2 is of architecture tanh-1-1, not tanh"):
        step(ONE, state, other)


def test_before_the_first_version_there_is_nothing_to_go_back_to():
    with pytest.raises(CommandError, match="no version yet"):
        step(ONE, beginning(ONE), order(0, "rollback", 0, []))


def test_a_repeated_command_and_one_for_another_model_do_nothing():
    state, models = half_way()
    state, _ = step(ONE, state, order(0, "rollback", 2, models))
    for again in (order(1, "rollback", 3, models, command_id="c-0"), order(1, "rollback", 3, models, model="other")):
        after, events = step(ONE, state, again)
        assert (events, after.version, after.command_positions) == ([], state.version, {0: 2})


def test_what_was_refused_is_not_obeyed_when_it_is_read_again():
    state, models = half_way()
    release, rollback = order(0, "release", 0, models), order(1, "rollback", 2, models)
    with pytest.raises(CommandError, match="nothing is pinned"):
        step(ONE, state, release)
    state, events = step(ONE, passed(state, release), rollback)
    assert [event.champion for event in events] == [2]
    for again in (release, rollback):
        assert step(ONE, state, again) == (state, [])
    _, [released] = step(ONE, state, release._replace(offset=2))
    assert not released.pinned


@settings(max_examples=30, deadline=None)
@given(st.integers(0, len(RECORDS)), st.integers(0, len(RECORDS)))
def test_killed_anywhere_the_fold_goes_on_with_the_same_events(commanded, killed):
    """The commands are read again from where the newest event says, or know that they have been obeyed."""
    _, known = half_way()
    sequence = [*RECORDS[:commanded], order(0, "rollback", 1, known), *RECORDS[commanded:]]

    def run(state, records):
        events = []
        for record in records:
            try:
                state, more = step(ONE, state, record)
            except CommandError:
                state = passed(state, record)
                continue
            events += more
        return events

    whole = run(beginning(ONE), sequence)
    before = run(beginning(ONE), sequence[:killed])
    state = restored(ONE, before)
    left = [r for r in sequence if not isinstance(r, Order) and r.offset >= state.positions.get(r.partition, 0)]
    # What is behind the command is read behind it again, as far as it had not been decided.
    place = sum(not isinstance(r, Order) and r.offset < state.positions.get(0, 0) for r in sequence[:commanded])
    if sequence[commanded].offset >= state.command_positions.get(0, 0):
        left.insert(max(commanded - place, 0), sequence[commanded])
    after = run(state, left)
    plain = [e._replace(resume_offsets={}, command_offsets={}) for e in whole]
    assert [e._replace(resume_offsets={}, command_offsets={}) for e in before + after] == plain
    assert START < whole[-1].window_end <= START + 12 * WINDOW
    assert whole[-1].window_end % MINUTE == 0
