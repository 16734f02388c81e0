"""The fold of versions that the API shows, against lists made by hand."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator_stream.catalogue import KEPT, Catalogue, Placed, extended, page, stood_on
from aggregator_stream.fold.closing import BEYOND
from aggregator_stream.tally import reason_class
from schemas.events import Decision, HorizonError, PairedError
from tests.unit.aggregator_stream.asking import ERRORS, PAIR, PAIRED, START, WINDOW, contribution, judged, model, placed

numbers = st.integers(1, 60)


def first_of_each(events):
    """By number, the first on the log."""
    found = {}
    for event in events:
        found.setdefault(event.model.version, event)
    return found


@given(st.lists(st.tuples(numbers, st.binary(max_size=3)), max_size=120), st.data())
def test_the_first_of_a_version_is_the_fact_however_the_log_is_cut(rows, data):
    events = [Placed(model(number, weights=content), 0, offset) for offset, (number, content) in enumerate(rows)]
    whole = extended(Catalogue(), events)
    cut = data.draw(st.integers(0, len(events)))
    assert extended(extended(Catalogue(), events[:cut]), iter(events[cut:])) == whole
    expected = first_of_each(events)
    assert whole.order == tuple(sorted(expected))
    assert {n: version.offset for n, version in whole.versions.items()} == {n: e.offset for n, e in expected.items()}
    newest = sorted(expected)[-KEPT:]
    assert whole.weights == {number: expected[number].model.weights for number in newest}
    assert whole.tally.windows.get("changed", 0) == len(expected)


@given(st.sets(numbers), st.randoms())
def test_the_order_of_different_versions_changes_nothing(versions, random):
    events = [Placed(model(number), 0, number) for number in sorted(versions)]
    mixed = list(events)
    random.shuffle(mixed)
    assert extended(Catalogue(), mixed) == extended(Catalogue(), events)


def test_the_weights_at_hand_are_those_of_the_newest_versions_and_not_of_the_latest_read():
    events = [Placed(model(number), 0, number) for number in range(60, 0, -1)]
    assert extended(Catalogue(), events).weights.keys() == set(range(61 - KEPT, 61))


@given(st.sets(numbers), st.integers(1, 70), st.none() | st.integers(0, 70))
def test_a_page_is_that_of_a_sorted_list(versions, limit, before):
    catalogue = extended(Catalogue(), [Placed(model(number), 0, number) for number in versions])
    below = sorted((n for n in versions if before is None or n < before), reverse=True)
    assert [version.event.version for version in page(catalogue, limit, before)] == below[:limit]


def test_a_version_keeps_all_but_what_is_large():
    event = model(
        7,
        rules={"window_ms": WINDOW},
        notes={"epsilon": 1.5},
        server_state=b"state",
        reason="quiet",
        champion=3,
        pinned=True,
        decisions=(Decision(3, "promoted", "ops-1", "worse"),),
        command_offsets={"0": 4},
        fallback=2,
        candidates=(5, 7),
        evaluations=(judged(2, 3, 1.5), judged(5, 3)),
    )
    [version] = extended(Catalogue(), [Placed(event, 3, 2**40)]).versions.values()
    large = {"weights": b"", "contributions": (), "errors": (), "resume_offsets": {}, "server_state": b""}
    large["command_offsets"] = {}
    large["evaluations"] = (judged(2, 3, 1.5)._replace(errors=()), judged(5, 3)._replace(errors=()))
    assert version.event == event._replace(**large)
    assert version.errors == ERRORS
    assert (version.contributors, version.size, version.partition, version.offset) == (2, 12, 3, 2**40)


def test_errors_come_back_whatever_they_are():
    errors = (HorizonError("voltage", 2**40, 2**50, float("inf"), 0.1), HorizonError("light", 1, 0, 1e-300, 5.0))
    catalogue = extended(Catalogue(), placed(model(1, errors=errors), model(2, errors=())))
    assert catalogue.versions[1].errors == errors
    assert catalogue.versions[2].errors == ()


def test_updates_are_counted_by_outcome_and_class_of_reason_once():
    first = model(
        1,
        contributions=(
            *PAIR,
            contribution("mote-03", 1, "clipped", 0.1, "moved 3.25, the bound is 1"),
            contribution("mote-04", 1, "superseded", 0.0),
            contribution("mote-05", 1, "rejected", 0.0, "base version 9 is unknown: the newest is 3"),
            contribution("mote-06", 1, "rejected", 0.0, "base version 8 is unknown: the newest is 3"),
        ),
    )
    second = model(2, contributions=(contribution("mote-01", 2, minute=30), contribution("mote-02", 2, minute=31)))
    third = model(3, contributions=(), promotion="unchanged")
    fourth = model(4, contributions=(contribution("mote-01", 3, "rejected", 0.0, "x", 100),), promotion="unchanged")
    catalogue = extended(Catalogue(), placed(first, second, second, third, fourth, first))
    assert dict(catalogue.tally.updates) == {
        ("accepted", ""): 4,
        ("clipped", "norm"): 1,
        ("superseded", ""): 1,
        ("rejected", "base_version"): 2,
        ("rejected", "other"): 1,
    }
    assert dict(catalogue.tally.windows) == {"changed": 2, "empty": 1, "unchanged": 1}
    # The end of a window is in it: 30 minutes is late for the second window, 31 is not.
    assert catalogue.tally.late == 1


def test_decisions_are_counted_by_state_and_by_who_said_so_once():
    first = model(1, decisions=(Decision(1, "promoted", "policy", "x"), Decision(0, "rejected", "policy", "x")))
    second = model(2, decisions=(Decision(1, "promoted", "ops-1", "x"), Decision(2, "rolled_back", "ops-1", "x")))
    third = model(3, decisions=(Decision(1, "released", "ops-2", "x"), Decision(1, "praised", "policy", "x")))
    fourth = model(4, decisions=(Decision(4, "promoted", "policy", "x"), Decision(4, "promoted", "ops-3", "x")))
    log = placed(first, second, second, third, fourth, model(5), first)
    expected = {
        ("promoted", "policy"): 2,
        ("rejected", "policy"): 1,
        ("promoted", "operator"): 2,
        ("rolled_back", "operator"): 1,
        ("released", "operator"): 1,
        ("other", "policy"): 1,
    }
    for n in range(len(log)):
        assert dict(extended(extended(Catalogue(), log[:n]), log[n:]).tally.decisions) == expected


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (None, ""),
        ("architecture tanh-1-1 is not tanh-2-2", "architecture"),
        ("base version 12 is unknown: the newest is 3", "base_version"),
        ("stale by 17 versions, more than 16", "stale"),
        ("learned from nothing", "no_examples"),
        ("its clock is ahead of all others: 2054-03-04T00:30:00Z", "clock"),
        ("network/dense/kernel holds NaN or infinity", "not_finite"),
        ("not safetensors: header too large", "weights"),
        ("network/bias is float64(3,), not float32(5,)", "weights"),
        ("moved 3.25, the bound is 1", "norm"),
        ("too few contributors: 1 of 3", "few_contributors"),
        (BEYOND, "strategy"),
        ("score 17.25, the best 9 have up to 3.5", "outlier"),
        ("something new in 2031", "other"),
    ],
)
def test_reasons_have_few_classes(reason, expected):
    assert reason_class(reason) == expected


def command(version, champion, **changes):
    """An operator's word between two windows: a version with no window of its own."""
    moment = START + (version - 1) * WINDOW
    return model(
        version,
        **{"window_start": moment, "window_end": moment, "contributions": (), "promotion": "unchanged"},
        **{"champion": champion, "pinned": champion > 0, "parent_version": champion if champion > 0 else version - 1},
        **changes,
    )


def test_what_everybody_stands_on_goes_back_to_the_window_that_made_it():
    quiet = {"contributions": (), "promotion": "unchanged"}
    log = placed(
        model(1),
        model(2),
        model(3, **quiet),
        model(4, **quiet),
        command(5, 1),
        model(6, promotion="candidate", champion=1, pinned=True),
        model(7),
    )
    made = [stood_on(extended(Catalogue(), log[:n])) for n in range(len(log) + 1)]
    assert [version and version.event.version for version in made] == [None, 1, 2, 2, 2, 1, 1, 7]
    assert dict(extended(Catalogue(), log).tally.windows) == {"changed": 4, "empty": 2}
    assert stood_on(extended(Catalogue(), placed(model(3, **quiet)))) is None
    assert stood_on(extended(Catalogue(), placed(model(3, **quiet, parent_version=3)))) is None


def test_ten_thousand_versions_cost_little_memory():
    def decoded(number):
        """As from the log: nothing is shared with another event."""
        errors = tuple(HorizonError("".join(list(e.sensor)), int(str(e.horizon_ms)), *e[2:]) for e in ERRORS * 2)
        paired = tuple(PairedError("".join(list(e.sensor)), int(str(e.horizon_ms)), *e[2:]) for e in PAIRED * 2)
        said = tuple(
            judged(n, number - 2, number / 7)._replace(errors=paired, examples=number + 500)
            for n in (number - 3, number - 1)
        )
        reason = f"version {number - 1} has 0.987 of the error of version {number - 2}, by 12345 labels of 54 devices"
        return model(
            number,
            errors=errors,
            dataset="".join(["te", "st"]),
            strategy_parameters={"decay": 0.5},
            champion=number - 1,
            fallback=number - 2,
            candidates=(number,),
            decisions=(Decision(number - 1, "".join(["promo", "ted"]), "".join(["pol", "icy"]), reason),),
            evaluations=said,
        )

    tracemalloc.start()
    try:
        catalogue = extended(Catalogue(), (Placed(decoded(number), 0, number) for number in range(1, 10_001)))
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(catalogue.versions) == 10_000
    assert held < 23_000_000
    assert catalogue.newest.event.window_end == START + 10_000 * WINDOW
