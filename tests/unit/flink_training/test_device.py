"""One device's step: what comes out of its readings, and what its state keeps."""

import pickle
from collections import defaultdict
from itertools import pairwise

import jax
import numpy as np
import pytest

from flink_training.device import Device, FleetModel, Readings, step
from forecaster import adoption, course, features, knowledge, online, weights
from forecaster.binning import Columns
from forecaster.bins import ClockJumpError, LateReadingError, Summary
from forecaster.config import SENSORS, Config
from forecaster.knowledge import architecture, initial
from forecaster.trials import NONE, Panel
from schemas.events import Reading
from schemas.forecasts import predictions
from tests.unit.forecaster.series import START, TINY, air, random_walk

BIN = TINY.bin_ms
CONFIG = Config()
PARTITION = 3


def readings(bins=30, each=2, seed=1):
    """Readings of one device, some in each bin."""
    values = random_walk(seed, bins * each)
    times = [START * BIN + i * BIN // each + 7 for i in range(bins * each)]
    return [
        Reading("mote-07", t, i, *(float(v) for v in row), dataset="test")
        for i, (t, row) in enumerate(zip(times, values, strict=True))
    ]


def columns(rows, offset=0):
    """Readings of one device as the step takes them, at consecutive offsets."""
    values = [[r.temperature, r.humidity, r.light, r.voltage] for r in rows]
    moments = np.array([r.event_time for r in rows], np.int64)
    table = Columns(moments, np.array(values, np.float64), offset + np.arange(len(rows)))
    return Readings(rows[0].device_id, rows[0].dataset, PARTITION, table)


def fold(rows, models=None, device=None, offset=0, known_at=None, batch=7, config=TINY):
    """Step through readings, some at a time; ``known_at`` says from which reading on a model is there."""
    device, outcomes = device or Device(), []
    cuts = sorted({*range(0, len(rows), batch), *(known_at or {}).values()})
    for low, high in pairwise([*cuts, len(rows)]):
        known = {v: m for v, m in (models or {}).items() if known_at is None or low >= known_at[v]}
        device, outcome = step(config, device, columns(rows[low:high], offset + low), known)
        outcomes.append(outcome)
    return device, outcomes


def summary(pair):
    """Of two readings in a bin."""
    table = np.array(pair)
    parts = [part(table, axis=0).astype(np.float32) for part in (np.mean, np.min, np.max, np.std)]
    return Summary(np.full(4, 2, np.int32), *parts)


def updates_of(outcomes):
    return [update for outcome in outcomes for update in outcome.updates]


def predictions_of(outcomes):
    tables = [table for outcome in outcomes for table in outcome.forecasts]
    return [event for table in tables for event in predictions(table, "local", "mote-07", PARTITION, "test")]


def params(seed):
    random = np.random.default_rng(seed)
    return jax.tree.map(lambda a: random.normal(0, 0.3, a.shape).astype(np.float32), initial(TINY))


def test_it_is_the_learning_core_over_the_means_of_bins():
    rows = readings()
    _, events = fold(rows)
    learner, made = online.init(TINY), {}
    for n in range(len(rows) // 2 - 1):
        pair = [[r.temperature, r.humidity, r.light, r.voltage] for r in rows[2 * n : 2 * n + 2]]
        learner, out = online.update(TINY, learner, np.int32(START + n), summary(pair), np.int32(0))
        made.update({(START + n + 1, h): np.asarray(out.forecasts.combined)[i] for i, h in enumerate(TINY.horizons)})
    forecasts = [p for p in predictions_of(events) if p.actual is None]
    assert len(forecasts) == len(made)
    for event in forecasts:
        np.testing.assert_array_equal(np.float32(event.forecast), made[event.made_at // BIN, event.horizon_ms // BIN])
    assert updates_of(events)[-1].architecture == architecture(TINY)


def test_a_forecast_is_made_once_and_scored_once_under_the_same_id_with_what_came():
    rows = readings()
    _, events = fold(rows)
    made, scored = {}, {}
    for event in predictions_of(events):
        known = scored if event.actual is not None else made
        assert event.prediction_id not in known
        known[event.prediction_id] = event
    means = {
        START + n: np.mean([[r.temperature, r.humidity, r.light, r.voltage] for r in rows[2 * n : 2 * n + 2]], axis=0)
        for n in range(len(rows) // 2)
    }
    assert len(scored) > 50
    for name, event in scored.items():
        first = made[name]
        assert event.forecast == first.forecast
        assert event.persistence == first.persistence
        assert (event.made_at, event.target_at, event.model_version) == (
            first.made_at,
            first.target_at,
            first.model_version,
        )
        assert event.target_at - event.made_at == event.horizon_ms
        np.testing.assert_allclose(np.array(event.actual), means[event.target_at // BIN - 1], rtol=1e-6)
        np.testing.assert_allclose(
            np.array(event.error), np.array(event.forecast) - np.array(event.actual), rtol=1e-4, atol=1e-4
        )
    latest = max(event.target_at for event in scored.values())
    assert {name for name, event in made.items() if event.target_at <= latest} == scored.keys()


def test_updates_come_at_their_interval_and_cover_every_reading_once():
    rows = readings(40, 3)
    _, events = fold(rows, offset=100)
    updates = updates_of(events)
    assert [u.sequence for u in updates] == list(range(1, len(updates) + 1))
    assert [u.update_id for u in updates] == [f"mote-07/{n}" for n in range(1, len(updates) + 1)]
    assert {b.event_time - a.event_time for a, b in pairwise(updates)} == {TINY.update_bins * BIN}
    assert updates[0].first_offset == 100
    assert all(b.first_offset == a.last_offset + 1 for a, b in pairwise(updates))
    assert {u.reading_partition for u in updates} == {PARTITION}


def test_an_updates_errors_are_those_of_the_forecasts_scored_since_the_one_before():
    _, events = fold(readings())
    scored = [event for event in predictions_of(events) if event.actual is not None]
    since, compared = 0, 0
    for update in updates_of(events):
        sums = defaultdict(list)
        for event in scored:
            if since < event.target_at <= update.event_time:
                for sensor, error, level, actual in zip(
                    event.actual._fields, event.error, event.persistence, event.actual, strict=True
                ):
                    sums[sensor, event.horizon_ms].append((abs(error), abs(level - actual)))
        for found in update.errors:
            expected = np.mean(sums[found.sensor, found.horizon_ms], axis=0)
            assert found.count == len(sums[found.sensor, found.horizon_ms])
            np.testing.assert_allclose([found.mae, found.persistence_mae], expected, rtol=1e-4, atol=1e-5)
            compared += 1
        assert len(update.errors) == len(sums)
        since = update.event_time
    assert compared > 50


def test_a_new_device_starts_from_the_newest_ripe_model_as_it_is():
    ripe = START * BIN - TINY.adoption_delay_ms
    models = {
        4: FleetModel(ripe - 1, course.numbers(params(4))),
        5: FleetModel(ripe, course.numbers(params(5))),
        6: FleetModel(ripe + 2 * BIN, course.numbers(params(6))),
    }
    device, events = fold(readings(2, 2)[:3], models)
    learner = course.learner(TINY, device.training.learner)
    own = {"climatology": learner.fleet.climatology, "anomalies": learner.fleet.anomalies}
    taken = online.known(learner)._replace(**own)
    assert weights.to_bytes(taken) == weights.to_bytes(params(5))
    assert device.training.version == 5
    assert {p.model_version for p in predictions_of(events)} == {5}


def test_a_device_with_a_history_moves_toward_a_model_when_its_time_has_come():
    rows = readings(20, 2)
    moment = (START + 10) * BIN
    models = {1: FleetModel(moment - TINY.adoption_delay_ms, course.numbers(params(1)))}
    _, events = fold(rows, models)
    versions = {p.made_at: p.model_version for p in predictions_of(events) if p.actual is None}
    assert {made_at: version for made_at, version in versions.items() if version != (made_at >= moment)} == {}
    device, _ = fold(rows[:18])
    before = course.learner(TINY, device.training.learner)
    blended = adoption.adopt(TINY, before, params(1))
    pair = [[r.temperature, r.humidity, r.light, r.voltage] for r in rows[16:18]]
    expected, _ = online.update(TINY, blended, np.int32(START + 8), summary(pair), np.int32(1))
    after, _ = fold(rows[18:19], {1: FleetModel(0, course.numbers(params(1)))}, device, 18)
    found, wanted = (
        knowledge.flat(online.known(course.learner(TINY, after.training.learner))),
        knowledge.flat(online.known(expected)),
    )
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert np.abs(found - knowledge.flat(online.known(before))).max() > 0.01


def test_an_update_says_how_the_models_judged_did_beside_the_champion_since_they_were_followed():
    """Against what each model alone says of the same readings, from a history of nothing but those."""
    rows = readings(40, 2)
    panels = {1: Panel(1), 2: Panel(1, 2), 3: Panel(1, 3, 0), 4: Panel(3, 4, 1), 5: Panel(3, 5, NONE)}
    begins = {version: START + first for version, first in zip(panels, (0, 7, 15, 21, 29), strict=True)}
    models = {
        v: FleetModel((begins[v] + 1) * BIN - TINY.adoption_delay_ms, course.numbers(params(v)), panel)
        for v, panel in panels.items()
    }
    _, events = fold(rows, models)
    known = {v: params(v) for v in panels} | {0: initial(TINY)}
    levels = [summary([r[3:7] for r in rows[2 * t : 2 * t + 2]]).mean for t in range(len(rows) // 2 - 1)]
    history, alone = features.empty(TINY), []
    for t, level in enumerate(levels):
        history = features.advance(TINY, history, START + t, level)
        observed = features.observe(TINY, history)
        alone.append({v: knowledge.forecast(TINY, m, observed, np.int32(START + t), level) for v, m in known.items()})
    before, seen = START, set()
    for update in updates_of(events):
        end = update.event_time // BIN  # exclusive
        event = max(v for v, begin in begins.items() if begin < end)
        assert update.base_version == panels[event].champion
        labels = range(max(before, begins[event]), end)
        rivals = [v for v in panels[event][1:] if v != NONE]
        assert [(e.version, e.champion) for e in update.evaluations] == [(v, panels[event].champion) for v in rivals]
        for evaluation in update.evaluations:
            assert len(evaluation.errors) == len(TINY.horizons) * 4
            for error in evaluation.errors:
                h, s = TINY.horizons_ms.index(error.horizon_ms), SENSORS.index(error.sensor)
                past = [(t - START, t - START - TINY.horizons[h]) for t in labels]
                assert error.count == len(past)
                for version, mae in ((evaluation.version, error.mae), (evaluation.champion, error.champion_mae)):
                    said = [abs(alone[made][version][h, s] - levels[t][s]) for t, made in past]
                    assert mae == pytest.approx(np.mean(said), rel=1e-4, abs=1e-4)
                stays = [abs(levels[made][s] - levels[t][s]) for t, made in past]
                assert error.persistence_mae == pytest.approx(np.mean(stays), rel=1e-4, abs=1e-4)
            seen.add((evaluation.version, evaluation.champion, len(labels)))
        before = end
    assert {(v, c) for v, c, _ in seen} == {(2, 1), (3, 1), (0, 1), (4, 3), (1, 3), (5, 3)}
    assert len({n for _, _, n in seen}) > 1


def test_a_model_that_comes_late_is_taken_up_when_it_comes():
    rows = readings(20, 2)
    models = {1: FleetModel(0, course.numbers(params(1))), 2: FleetModel(1, course.numbers(params(2)))}
    _, events = fold(rows, models, known_at={1: 10, 2: 30})
    versions = [p.model_version for p in predictions_of(events) if p.actual is None]
    assert versions == sorted(versions)
    assert set(versions) == {0, 1, 2}
    updates = updates_of(events)
    assert [u.base_version for u in updates] == sorted(u.base_version for u in updates)
    assert all((u.adopted_at is None) == (u.base_version == 0) for u in updates)


def test_a_device_goes_back_to_an_older_model_where_the_newest_says_so_and_stays_there():
    ends = {v: (START + 5 * v) * BIN - TINY.adoption_delay_ms for v in range(1, 6)}
    models = {v: FleetModel(ends[v], course.numbers(params(v)), panel=Panel(v if v < 3 else 1)) for v in range(1, 6)}
    device, events = fold(readings(30, 2), models)
    made = [p for p in predictions_of(events) if p.actual is None and p.horizon_ms == TINY.horizons_ms[0]]
    assert [p.model_version for p in made] == [
        0 if p.made_at < START * BIN + 5 * BIN else 2 if 10 <= p.made_at / BIN - START < 15 else 1 for p in made
    ]
    assert (device.training.version, device.training.followed) == (1, 5)
    assert updates_of(events)[-1].base_version == 1
    assert updates_of(events)[-1].adopted_at == (START + 15) * BIN
    stays = [FleetModel(model.window_end, model.numbers, Panel(min(v, 2))) for v, model in models.items()]
    other, _ = fold(readings(30, 2), dict(enumerate(stays, 1)))
    assert other.training.version == 2


@pytest.mark.parametrize("batch", [3, 1000])
def test_when_a_model_was_adopted_does_not_depend_on_batches_where_a_device_goes_back(batch):
    """1, 2, and 1 again: updates in between say when the first time was, and those after, the second."""
    panels = {1: Panel(1), 2: Panel(2), 3: Panel(1)}
    models = {
        v: FleetModel((START + 9 * v) * BIN - TINY.adoption_delay_ms, course.numbers(params(v)), panel)
        for v, panel in panels.items()
    }
    _, events = fold(readings(40, 2), models, batch=batch)
    moments = {(u.base_version, u.adopted_at and u.adopted_at // BIN - START) for u in updates_of(events)}
    assert moments == {(0, None), (1, 9), (2, 18), (1, 27)}


@pytest.mark.parametrize(
    ("moment", "error"), [(-BIN, LateReadingError), (61 * 86_400_000, ClockJumpError)], ids=["late", "jump"]
)
def test_a_reading_out_of_time_is_refused_and_the_state_stands(moment, error):
    rows = readings(6, 2)
    device, _ = fold(rows)
    wrong = rows[-1]._replace(event_time=rows[-1].event_time + moment)
    after, outcome = step(TINY, device, columns([wrong], 99), {})
    assert pickle.dumps(after) == pickle.dumps(device)
    assert [(index, type(reason)) for index, reason in outcome.refused.items()] == [(0, error)]
    assert (outcome.updates, outcome.forecasts) == ([], [])


@pytest.mark.parametrize("batch", [1, 2, 3, 50, 400])
def test_however_readings_are_cut_into_batches_state_and_events_are_the_same_to_the_bit(batch):
    """200 bins: more than one call takes; ten adoptions, more than one call makes, one of them of an older model."""
    rows = readings(200, 2)
    models = {
        v: FleetModel((START + 10 + v) * BIN - TINY.adoption_delay_ms, course.numbers(params(v)), panel)
        for v in range(1, 12)
        for panel in [Panel(3 if v in (6, 7) else v, v - 1 if v > 1 else NONE, v - 2 if v > 2 else NONE)]
    }
    whole, expected = fold(rows, models, batch=17)
    device, events = fold(rows, models, batch=batch)
    assert updates_of(events) == updates_of(expected)
    assert predictions_of(events) == predictions_of(expected)
    leaves = [jax.tree.leaves(tuple(one.training)) for one in (device, whole)]
    assert all(np.asarray(a).tobytes() == np.asarray(b).tobytes() for a, b in zip(*leaves, strict=True))
    bases = [u.base_version for u in updates_of(events)]
    assert {2, 3, 4, 8, 10} <= set(bases)
    assert bases.index(4) < len(bases) - 1 - bases[::-1].index(3), "from 4 back to 3"


def test_a_device_that_reports_now_and_then_sends_as_many_updates_in_one_batch_as_reading_by_reading():
    """Every bin ends in an update interval of its own, so one call takes fewer bins than it could."""
    rows = readings(2 * TINY.update_bins * 100, 1)[:: TINY.update_bins]
    device, events = fold(rows, batch=1000)
    whole, expected = fold(rows, batch=9)
    assert len(updates_of(events)) > course.UPDATES
    assert updates_of(events) == updates_of(expected)
    leaves = [jax.tree.leaves(tuple(one.training)) for one in (device, whole)]
    assert all(np.asarray(a).tobytes() == np.asarray(b).tobytes() for a, b in zip(*leaves, strict=True))


def test_a_state_put_away_goes_on_as_if_it_had_not_been():
    rows = readings(12, 2)
    _, whole = fold(rows)
    for cut in range(1, len(rows), 5):
        device, first = fold(rows[:cut])
        _, second = fold(rows[cut:], device=pickle.loads(pickle.dumps(device)), offset=cut)
        assert updates_of(first + second) == updates_of(whole)
        assert predictions_of(first + second) == predictions_of(whole)


def test_a_device_that_measures_nothing_forecasts_nothing_and_updates_nothing():
    rows = [r._replace(temperature=None, humidity=None, light=None, voltage=None) for r in readings(10, 2)]
    _, events = fold(rows)
    assert updates_of(events) + predictions_of(events) == []


def test_a_fault_is_named_where_forecasts_for_its_bin_are_scored():
    """Four days of calm air, six readings a bin; then temperature stands still for two hours."""
    values = air(1)
    at = 3 * CONFIG.day + 100
    values[at : at + 24, :, 0] = values[at, 0, 0]
    first = START // CONFIG.day * CONFIG.day
    rows = [
        Reading("mote-07", (first + n) * CONFIG.bin_ms + 40_000 * k, None, *pair, None, None, dataset="test")
        for n, bin_ in enumerate(values.tolist())
        for k, pair in enumerate(bin_)
    ]
    _, events = fold(rows, batch=500, config=CONFIG)
    scored = [event for event in predictions_of(events) if event.actual is not None]
    named = {event.target_at // CONFIG.bin_ms - 1 - first: event.fault for event in scored if event.anomaly}
    assert set(range(at + 4, at + 24)) <= named.keys()
    assert {named[n].split(", ")[0] for n in range(at + 4, at + 24)} == {"temperature stuck"}
    assert all((event.fault is not None) == bool(event.anomaly) for event in scored)
    assert {event.anomaly_score for event in scored if event.target_at < (first + CONFIG.day) * CONFIG.bin_ms} == {None}
    assert all(event.fault is None and event.anomaly is None for event in predictions_of(events) if event not in scored)


def test_training_that_diverges_begins_anew_from_the_fleets_model_and_says_so():
    rows = readings(40, 2)
    models = {1: FleetModel(0, course.numbers(params(1)))}
    device, events = fold(rows, models, config=TINY._replace(norm_limit=1e-3))
    assert sum(update.resets for update in updates_of(events)) > 30
    learner = course.learner(TINY, device.training.learner)
    begun = online.known(learner)._replace(climatology=params(1).climatology, anomalies=params(1).anomalies)
    assert weights.to_bytes(begun) == weights.to_bytes(params(1))
    _, calm = fold(rows, models)
    assert sum(update.resets for update in updates_of(calm)) == 0
