"""The synthetic history that the dashboards are timed with, and what is asked of it."""

from itertools import islice

import numpy as np
import pytest

from benchmarks.dashboards import events
from benchmarks.dashboards.__main__ import Line
from benchmarks.dashboards.asking import narrowed
from benchmarks.dashboards.findings import findings
from benchmarks.dashboards.history import BIN, HORIZONS, SOURCES, end_of, history
from schemas.forecasts import prediction_id

COUNT = 5_000


@pytest.fixture(scope="module")
def past():
    return history(COUNT)


@pytest.fixture(scope="module")
def predictions(past):
    return list(events.predictions(past))


def test_there_are_as_many_forecasts_as_were_asked_for_each_under_its_own_id(predictions):
    assert len(predictions) == len({each.prediction_id for each in predictions}) == COUNT
    for each in predictions:
        version = each.model_version if each.source == "batch" else None
        made = each.source, each.device_id, each.horizon_ms, each.made_at, version
        assert each.prediction_id == prediction_id(*made)
        assert each.target_at == each.made_at + each.horizon_ms


def test_every_source_forecasts_every_horizon_to_the_end(past, predictions):
    newest = [each for each in predictions if each.made_at == end_of(past.bins - 1)]
    assert {(each.source, each.horizon_ms) for each in newest} == {(s, h) for s in SOURCES for h in HORIZONS}


def test_a_forecast_is_scored_if_its_device_reported_when_it_was_over(past, predictions):
    scored = [each for each in predictions if each.actual is not None]
    assert 0 < len(scored) < COUNT
    for each in predictions:
        bin_, device = (each.target_at - end_of(0)) // BIN, past.names.index(each.device_id)
        assert (each.actual is not None) == (bin_ < past.bins and bool(past.present[bin_, device]))
    for each in scored:
        for forecast, actual, error in zip(each.forecast, each.actual, each.error, strict=True):
            assert forecast - actual == pytest.approx(error)


def test_forecasts_and_updates_name_the_offsets_of_readings_that_there_are(past, predictions):
    offsets, places = dict.fromkeys(past.partitions, 0), {}
    for reading in events.readings(past):
        partition = past.partitions[past.names.index(reading.device_id)]
        places[reading.device_id, reading.event_time] = partition, offsets[partition]
        offsets[partition] += 1
    for each in predictions:
        assert (each.reading_partition, each.reading_offset) == places[each.device_id, each.made_at - BIN // 2]
    for update in events.updates(past):
        place = update.reading_partition, update.last_offset
        assert place == places[update.device_id, update.event_time - BIN // 2]


def test_the_history_is_the_same_again(past, predictions):
    again = history(COUNT)
    assert np.array_equal(again.present, past.present)
    assert list(islice(events.predictions(again), 500)) == predictions[:500]


def test_a_day_that_is_over_has_every_kind_of_finding_once():
    found = list(findings(history(160_000)))
    assert {each.kind for each in found} >= {"profile", "seasonality", "quality", "battery", "neighbours", "drift"}
    assert len({each.insight_id for each in found}) == len(found)


def test_a_condition_more_is_in_each_query_and_the_question_stays_as_it_was():
    body = {"queries": [{"filters": [{"col": "a"}]}, {"filters": []}], "force": True}
    asked = narrowed(body, [{"col": "device_id"}])
    assert asked == {
        "queries": [{"filters": [{"col": "a"}, {"col": "device_id"}]}, {"filters": [{"col": "device_id"}]}],
        "force": True,
    }
    assert body["queries"][1]["filters"] == []


def test_the_slowest_answer_counts_against_the_bar():
    line = Line("fleet-now", "Version", 0.1, 1.9, 0.1, 1, 2.0)
    assert line.holds
    assert not line._replace(max_s=2.0).holds
