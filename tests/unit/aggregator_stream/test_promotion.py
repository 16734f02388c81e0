"""Which version everybody stands on, after what devices say of those that they have judged."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator_stream.fold import server_state
from aggregator_stream.fold.membership import refusal
from aggregator_stream.fold.promotion import decide, joined, pooled
from aggregator_stream.fold.restore import beginning
from aggregator_stream.fold.state import Mark, Standing
from forecaster import weights
from forecaster.config import SENSORS
from forecaster.knowledge import learned
from forecaster.strategies import Member, named
from forecaster.trials import NONE, OPEN
from schemas.events import Decision, Evaluation, FleetEvaluation, PairedError
from tests.unit.aggregator_stream.fleet import RULES, fold, params, restored, update, written
from tests.unit.aggregator_stream.test_verification import checked
from tests.unit.forecaster.series import TINY

JUDGING = RULES._replace(evaluated=True, partitions=1, margin=0.05, min_labels=20)
HORIZONS = TINY.horizons_ms


def said(version, champion, ratio, count=2):
    """One device's word: ``ratio`` times the champion's error in every sensor and horizon, all errors large."""
    cells = [(sensor, horizon) for horizon in HORIZONS for sensor in SENSORS]
    return Evaluation(version, champion, tuple(PairedError(*cell, count, ratio * 1e6, 1e6, 2e6) for cell in cells))


def fleets(version, ratio, champion=5, examples=100):
    return FleetEvaluation(version, champion, 3, examples, ratio, ())


def standing_after(*evaluations, rules=JUDGING, **changes):
    standing, decisions = decide(rules, Standing(5, 4, (6,))._replace(**changes), evaluations)
    return standing, {(d.version, d.state) for d in decisions}


def test_a_candidate_that_is_not_worse_by_the_margin_is_promoted_and_the_champion_becomes_the_fallback():
    assert standing_after(fleets(6, 1.05)) == (Standing(6, 5), {(6, "promoted")})


def test_a_candidate_that_is_worse_is_rejected_and_the_next_version_is_made_from_the_champion():
    standing, decisions = standing_after(fleets(6, 1.0501))
    assert (standing, decisions) == (Standing(5, 4), {(6, "rejected")})
    assert standing.parent == 5
    assert Standing(5, 4, (6,)).parent == 6


def test_a_champion_that_is_worse_than_the_one_before_it_is_gone_back_from():
    assert standing_after(fleets(4, 0.95)) == (
        Standing(4, None, (6,)),
        {(4, "promoted"), (5, "rolled_back")},
    )
    assert standing_after(fleets(4, 0.953)) == (Standing(5, 4, (6,)), set())


def test_where_the_fallback_does_better_a_candidate_is_held_against_that():
    """The champion is a fifth worse than the fallback: a candidate as bad is no better than going back."""
    assert standing_after(fleets(4, 0.8), fleets(6, 1.0)) == (
        Standing(4, None),
        {(4, "promoted"), (5, "rolled_back"), (6, "rejected")},
    )
    assert standing_after(fleets(4, 0.8), fleets(6, 0.83)) == (
        Standing(6, 4),
        {(6, "promoted"), (5, "rolled_back")},
    )


def test_a_champion_that_lost_to_its_fallback_is_said_to_have_whoever_follows_it():
    """6 is promoted, and what is said of 5 is why: it was the fallback, 4, that it was held against."""
    for candidate, follows in ((0.83, 6), (1.0, 4)):
        _, decisions = decide(JUDGING, Standing(5, 4, (6,)), [fleets(4, 0.8), fleets(6, candidate)])
        assert decisions[0][:2] == (follows, "promoted")
        assert decisions[1] == Decision(
            5, "rolled_back", "policy", "version 4 has 0.800 of the error of version 5, by 100 labels of 3 devices"
        )


def test_of_several_that_pass_the_newest_is_promoted_and_those_not_judged_wait():
    standing, decisions = standing_after(fleets(6, 0.9), fleets(7, 1.02), fleets(8, 1.2), candidates=(6, 7, 8, 9))
    assert (standing, decisions) == (Standing(7, 5, (9,)), {(7, "promoted"), (8, "rejected")})


@pytest.mark.parametrize(
    ("rules", "changes", "evaluations"),
    [
        (JUDGING, {}, [fleets(6, 0.5, examples=19), fleets(4, 0.5, examples=19)]),
        (JUDGING, {"pinned": True}, [fleets(6, 0.5), fleets(4, 0.5)]),
        (JUDGING._replace(evaluated=False), {}, [fleets(6, 0.5), fleets(4, 0.5)]),
        (JUDGING, {"fallback": None}, [fleets(4, 0.5)]),
    ],
    ids=["too few labels", "pinned", "as they are made", "no fallback"],
)
def test_nothing_is_decided(rules, changes, evaluations):
    before = Standing(5, 4, (6,))._replace(**changes)
    assert decide(rules, before, evaluations) == (before, ())


def test_a_version_joins_the_candidates_only_if_it_says_something_new():
    many = tuple(range(6, 6 + OPEN))
    assert joined(JUDGING, Standing(5, 4, (6,)), 7, anew=True) == Standing(5, 4, (6, 7))
    assert joined(JUDGING, Standing(5, 4, (6,)), 7, anew=False) == Standing(5, 4, (6,))
    assert joined(JUDGING, Standing(5, 4, many), 99, anew=True).candidates == (*many[1:], 99)
    at_once = JUDGING._replace(evaluated=False)
    assert joined(at_once, Standing(5), 6, anew=True) == joined(at_once, Standing(5), 6, anew=False) == Standing(6)
    assert joined(at_once, Standing(5, pinned=True), 6, anew=True) == Standing(5, None, (6,), pinned=True)


def judging(ratios, version=6, champion=5):
    return [update(f"mote-{d:02}", 1, 10, evaluations=(said(version, champion, r),)) for d, r in enumerate(ratios)]


def test_every_device_has_one_voice_and_the_one_in_the_middle_decides():
    """Two of five that lie, however much and however often, do not move it out of what the honest say."""
    lies = said(6, 5, 1e-9, 10**6)
    liars = [update(f"mote-{d:02}", 1, 10, evaluations=(lies,) * 20) for d in (8, 9)]
    [found] = pooled(JUDGING, Standing(5, 4, (6,)), judging([1.2, 1.3, 1.4]) + liars)
    assert found.ratio == pytest.approx(1.2, rel=1e-5)
    assert found.devices == 5
    cells, bins = len(HORIZONS) * len(SENSORS), JUDGING.window_ms // TINY.bin_ms
    assert found.examples == cells * (3 * 2 + 2 * bins), "no device can have more labels than a window has bins"


def test_a_candidate_beyond_all_measure_is_rejected_and_not_passed_over_in_silence():
    """What an honest device measures of a candidate that is poisoned is no reason not to hear the device."""
    cells = [(sensor, horizon) for horizon in HORIZONS for sensor in SENSORS]
    word = Evaluation(6, 5, tuple(PairedError(*cell, 3, math.inf, 0.5, 1.0) for cell in cells))
    none = Evaluation(6, 5, tuple(PairedError(*cell, 3, math.nan, 0.5, 1.0) for cell in cells))
    updates = [update(f"mote-{d:02}", 1, 10, evaluations=(said_,)) for d, said_ in enumerate((word, word, none))]
    assert refusal(JUDGING, beginning(JUDGING), updates[0].event_time, updates[0]) is None
    [found] = pooled(JUDGING, Standing(5, 4, (6,)), updates)
    assert (found.devices, found.examples) == (2, 2 * 3 * len(cells))
    assert found.ratio > 1e6
    assert all(math.isfinite(error.mae) for error in found.errors)
    assert decide(JUDGING, Standing(5, 4, (6,)), [found])[0] == Standing(5, 4)


def test_what_is_pooled_is_the_mean_over_all_labels():
    rows = [(2, 0.5, 1.0, 2.0), (4, 2.0, 4.0, 1.0)]
    words = [Evaluation(6, 5, (PairedError("temperature", HORIZONS[0], *row),)) for row in rows]
    updates = [update(f"mote-{d:02}", 1, 10, evaluations=(word,)) for d, word in enumerate(words)]
    [found] = pooled(JUDGING, Standing(5, 4, (6,)), updates)
    counts, *means = np.transpose(rows)
    expected = [np.average(mean, weights=counts) for mean in means]
    assert found.errors == (PairedError("temperature", HORIZONS[0], 6, *expected),)
    # A twentieth of a degree, FLOOR of what is usual, lies under each: small errors do not make large ratios.
    assert found.ratio == pytest.approx(np.median([0.55 / 1.05, 2.05 / 4.05]))


@pytest.mark.parametrize(
    "word", [said(7, 5, 0.5), said(6, 4, 0.5), said(5, 5, 0.5), said(3, 5, 0.5)], ids=["7", "beside 4", "itself", "3"]
)
def test_what_cannot_be_decided_upon_is_not_pooled(word):
    assert pooled(JUDGING, Standing(5, 4, (6,)), [update("mote-01", 1, 10, evaluations=(word,))]) == ()


def test_a_sensor_or_horizon_that_nobody_forecasts_has_no_voice():
    odd = Evaluation(6, 5, (PairedError("pressure", HORIZONS[0], 9, 1, 9, 9), PairedError("light", 7, 9, 1, 9, 9)))
    [found] = pooled(JUDGING, Standing(5, 4, (6,)), [update("mote-01", 1, 10, evaluations=(odd,))])
    assert (found.devices, found.examples, found.ratio, found.errors) == (0, 0, 1.0, ())


# Of the n-th window's version and of the fallback, what devices say in the next: ratios.
WORDS = [(1.0, None), (1.0, 1.0), (1.2, 1.0), (1.0, 1.0), (1.3, 0.8), (1.0, None), (0.9, 1.1), (1.0, 1.0), (1.0, 1.0)]
CHAMPIONS = [0, 1, 2, 2, 4, 2, 6, 7, 8, 9]


def judged_fleet(rules, words=WORDS):
    """Two devices that follow every event as soon as it is there, and judge what it names; the log and the events."""
    state, models, log = beginning(rules), [], []
    for n in range(1, len(words) + 3):
        newest = models[-1] if models else None
        evaluations = []
        if newest and newest.candidates:
            candidate, fallback = words[newest.version - 1] if newest.version <= len(words) else (1.0, None)
            evaluations = [said(newest.candidates[-1], newest.champion, candidate)]
            if fallback and newest.fallback != NONE:
                evaluations.append(said(newest.fallback, newest.champion, fallback))
        base = newest.champion if newest else 0
        rows = [
            (update(device, n, 30 * n, base_version=base, evaluations=tuple(evaluations)), 30 * n)
            for device in ("mote-01", "mote-02")
        ]
        records = [*written(rows, 1, marks=False)[0], Mark(0, 0, rows[0][0].event_time + 600_000)]
        records = [record._replace(offset=len(log) + i) for i, record in enumerate(records)]
        log += records
        state, closed = fold(state, records, rules)
        models += closed
    return log, models


ADAM = JUDGING._replace(strategy=named("fedadam", {"learning_rate": 0.1}, learned(TINY)))


def test_a_fleet_goes_where_its_devices_words_lead_it():
    log, models = judged_fleet(ADAM)
    assert [model.champion for model in models[: len(CHAMPIONS)]] == CHAMPIONS
    decided = {(d.version, d.state) for model in models for d in model.decisions}
    assert {(3, "rejected"), (5, "rejected"), (4, "rolled_back"), (2, "promoted")} <= decided
    assert all(d.by == "policy" for model in models for d in model.decisions)
    # 3 was found wanting when 4 was made, 4 when 6 was, with 5.
    parents = [model.parent_version for model in models[: len(CHAMPIONS)]]
    assert parents == [0, 1, 2, 2, 4, 2, 6, 7, 8, 9]
    places = {(r.partition, r.offset): r.update for r in log if not isinstance(r, Mark)}
    assert checked(models, places) == {}


def test_the_optimizer_goes_on_from_the_parents_state_not_from_that_of_a_rejected_version():
    """3 was rejected when 4 was made: one step from 2, with what Adam remembered then."""
    log, models = judged_fleet(ADAM)
    updates = {(r.partition, r.offset): r.update for r in log if not isinstance(r, Mark)}
    sent = [updates[c.partition, c.offset] for c in models[3].contributions]
    members = [Member(u.update_id, weights.flat_from_bytes(TINY, u.weights), u.example_count, 1.0) for u in sent]
    for parent, equal in ((models[1], True), (models[2], False)):
        numbers = weights.flat_from_bytes(TINY, parent.weights)
        state, made = ADAM.strategy.update(server_state.from_bytes(parent.server_state), numbers, iter(members))
        assert (weights.flat_to_bytes(TINY, made.weights) == models[3].weights) is equal
        assert (server_state.to_bytes(state) == models[3].server_state) is equal


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 1))
def test_killed_anywhere_a_judged_fleet_goes_on_with_the_same_events(share):
    log, models = judged_fleet(ADAM)
    killed = round(share * len(log))
    _, before = fold(beginning(ADAM), log[:killed], ADAM)
    state = restored(ADAM, before)
    _, after = fold(state, [record for record in log if record.offset >= state.positions.get(0, 0)], ADAM)
    plain = [model._replace(resume_offsets={}) for model in models]
    assert [model._replace(resume_offsets={}) for model in before + after] == plain


def test_a_spoiled_decision_is_found():
    log, models = judged_fleet(ADAM)
    places = {(r.partition, r.offset): r.update for r in log if not isinstance(r, Mark)}
    spoiled = models[2]._replace(champion=1, decisions=(Decision(9, "promoted", "policy", "why not"),))
    found = checked([spoiled if model is models[2] else model for model in models], places)
    assert {"champion is not what its members give", "decisions is not what its members give"} <= set(found[3])


def test_a_window_without_updates_leaves_the_standing_as_it_is():
    rows = [(update("mote-01", 1, 30), 30), (update("mote-01", 2, 90), 90), (update("mote-01", 3, 120), 140)]
    _, models = fold(beginning(JUDGING), written(rows, 1)[0], JUDGING)
    assert [(m.promotion, m.champion, m.candidates) for m in models] == [
        ("candidate", 0, (1,)),
        ("unchanged", 0, (1,)),
        ("candidate", 0, (1, 3)),
        ("candidate", 0, (1, 3, 4)),
    ]
    assert models[1].weights == models[0].weights
    assert models[0].weights == weights.to_bytes(params(1001))
