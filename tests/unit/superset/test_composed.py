"""Rows that are put together, and the tables over roll-ups and findings."""

from datetime import datetime, timedelta

import pytest

from infra.superset.mongo_adapter import catalogue
from infra.superset.mongo_adapter.catalogue import TABLES
from infra.superset.mongo_adapter.conditions import Condition
from infra.superset.mongo_adapter.reader import read
from infra.superset.mongo_adapter.windows import DEFAULT_IDS, Progress, forecast_ids
from mongo_sink.rollups.fold import DAILY, HOURLY, SMALLEST, rolled_up
from mongo_sink.rollups.scores import MILLIONTHS, score_of
from schemas.events import HorizonError, Measurements
from schemas.forecasts import prediction_id
from schemas.positions import moves, placings
from schemas.wire import Origin
from tests.unit.superset.views import BIN, NOON, Collection, naive, prediction, reading, stored, update

HALF_HOUR = 1_800_000
HOUR = 3_600_000
ERRORS = (HorizonError("light", HALF_HOUR, 2, 5.0, 9.0), HorizonError("temperature", HALF_HOUR, 2, 0.5, 1.0))
START = datetime(1970, 1, 1)


def moment(ms):
    return START + timedelta(milliseconds=ms)


def rows(mongo, table, *names, conditions=()):
    columns = [TABLES[table].column(name) for name in names]
    return [tuple(row[name] for name in names) for row in read(mongo, TABLES[table], conditions, columns)]


@pytest.fixture
def fleet():
    verdict = prediction(
        "local/mote-07/30/1", "local", "mote-07", NOON - HALF_HOUR, HALF_HOUR, Measurements(1, 2, 3, 4)
    )
    verdict |= {"anomaly": True, "anomaly_score": 4.5, "fault": "light spike"}
    verdict["_id"] = prediction_id("local", "mote-07", HALF_HOUR, NOON - HALF_HOUR)
    return {
        "local_models": Collection([update("mote-07", NOON, 5, ERRORS), update("mote-08", NOON - 2 * HOUR, 3)]),
        "sensor_readings": Collection([reading("mote-07", 5), reading("mote-08", 3)]),
        "predictions": Collection([verdict]),
    }


def test_a_device_comes_with_its_error_its_newest_verdict_and_how_far_it_is_behind(fleet):
    names = ("device_id", "state", "behind_min", "error_temperature", "anomaly", "fault", "checked_at")
    due = moment(NOON)
    assert rows(fleet, "devices", *names) == [
        ("mote-07", "reporting", 0.0, 0.5, True, "light spike", due),
        ("mote-08", "silent", 120.0, None, None, None, None),
    ]
    silent = Condition("state", "in", frozenset({"silent"}))
    assert rows(fleet, "devices", "device_id", conditions=[silent]) == [("mote-08",)]


def test_a_device_is_where_it_was_put_last_and_whoever_was_taken_away_is_nowhere(fleet):
    log = []
    for file in ({"mote-07": (1.0, 2.0), "mote-08": (5.0, 6.0)}, {"mote-07": (3.0, 4.0)}, {"mote-07": (1.0, 2.5)}):
        log += moves(placings(log), file, "test", "a file")
    put = [stored(event, "fleet_analytics", 0, offset, "insight_id") for offset, event in enumerate(log)]
    fleet["fleet_analytics"] = Collection(put)
    assert rows(fleet, "devices", "device_id", "x", "y") == [("mote-07", 1.0, 2.5), ("mote-08", None, None)]
    mapped = Condition("x", "not null", None)
    assert rows(fleet, "devices", "device_id", conditions=[mapped]) == [("mote-07",)]
    assert all(wanted.keys() == {"_id"} for wanted, _ in fleet["fleet_analytics"].asked)
    fleet["fleet_analytics"] = Collection([])
    assert rows(fleet, "devices", "device_id", conditions=[mapped]) == []


def test_what_belongs_to_a_device_is_looked_up_only_where_it_is_asked_for(fleet):
    fleet["fleet_analytics"] = Collection([])
    rows(fleet, "devices", "device_id", "state")
    assert fleet["fleet_analytics"].asked == []
    assert fleet["sensor_readings"].asked == fleet["predictions"].asked == []


def test_a_version_comes_with_what_became_of_its_contributions(fleet):
    contributions = [
        {"outcome": outcome, "staleness": staleness}
        for outcome, staleness in (("accepted", 0), ("clipped", 3), ("superseded", 1), ("rejected", 9))
    ]
    end = moment(NOON - HOUR)
    fleet["global_model"] = Collection([{"version": 4, "window_end": end, "contributions": contributions}])
    names = ("version", "accepted", "superseded", "rejected", "mean_staleness", "behind_min")
    assert rows(fleet, "global_models", *names) == [(4, 2, 1, 1, 1.5, 60.0)]


def test_an_item_of_an_array_is_kept_by_its_own_values(fleet):
    temperature = Condition("sensor", "in", frozenset({"temperature"}))
    half_an_hour = Condition("horizon_min", "in", frozenset({30}))
    found = rows(fleet, "device_errors", "sensor", "horizon_min", "mae", conditions=[temperature, half_an_hour])
    assert found == [("temperature", 30, 0.5)]


def rolled(grain, errors):
    scores = []
    for number, error in enumerate(errors):
        made = prediction("p", "stream", "mote-07", NOON + number * BIN, HALF_HOUR, Measurements(20, 40, 3, 2))
        avro = {**made, "made_at": made["made_at"].replace(tzinfo=None), "error": Measurements(error)._asdict()}
        avro |= {"actual": Measurements(20 - error)._asdict(), "anomaly": error > 1}
        scores.append(score_of(Origin("predictions", 0, number), avro))
    return Collection(naive(document) for document in rolled_up(grain, {}, scores).values())


def test_roll_ups_are_shown_in_the_sensors_unit():
    mongo = {"forecast_errors_hourly": rolled(HOURLY, [0.25, 1.5])}
    names = ("source", "horizon_min", "sensor", "model_version", "count", "absolute_error", "scored", "alarms")
    assert rows(mongo, "errors_by_hour", *names) == [("stream", 30, "temperature", 1, 2, 1.75, 2, 1)]
    wanted = Condition("horizon_min", "in", frozenset({30}))
    rows(mongo, "errors_by_hour", "count", conditions=[wanted])
    assert mongo["forecast_errors_hourly"].asked[-1][0] == {"horizon_ms": {"$in": [HALF_HOUR]}}


def test_a_histogram_is_a_row_for_each_bucket_that_has_any():
    mongo = {"forecast_errors_daily": rolled(DAILY, [0.0, 0.3, 0.4])}
    assert rows(mongo, "error_distribution", "sensor", "bucket", "above", "count") == [
        ("temperature", 0, 0.0, 1),
        ("temperature", 5, 0.25, 2),
    ]


def test_buckets_begin_where_the_sink_has_them():
    assert {sensor: width * MILLIONTHS for sensor, width in catalogue.SMALLEST.items()} == SMALLEST
    assert catalogue.MILLIONTHS == MILLIONTHS


def test_findings_are_shown_number_by_number_and_only_those_of_a_kind():
    finding = {"device_id": "mote-01", "sensor": "light", "start": START, "end": START}
    mongo = {
        "fleet_analytics": Collection(
            [
                finding | {"kind": "seasonality", "numbers": {"h00": 1.0, "h01": 2.0}, "labels": {}},
                finding | {"kind": "profile", "numbers": {"mean": 7.0}, "labels": {}},
            ]
        )
    }
    hours = Condition("name", "in", frozenset({"h01"}))
    assert rows(mongo, "insights", "kind", "name", "value", conditions=[hours]) == [("seasonality", "h01", 2.0)]
    assert rows(mongo, "daily_profiles", "device_id", "mean") == [("mote-01", 7.0)]


def test_without_a_start_a_big_fleet_is_shown_less_far_back():
    big = [Progress(f"mote-{n}", moment(NOON), (HALF_HOUR,), 0, 0) for n in range(1_000)]
    few = [Condition("device_id", "in", frozenset({"mote-1", "mote-2"}))]
    assert len(list(forecast_ids(big, few, BIN))) == 2 * 2 * (26 * 12 + 1)  # and two hours ahead
    assert len(list(forecast_ids(big[:100], [], BIN))) <= DEFAULT_IDS * 1.5


def test_batch_forecasts_are_named_by_their_versions():
    one = [Progress("mote-1", moment(NOON), (HALF_HOUR,), 0, 0)]
    wanted = [Condition("source", "in", frozenset({"batch"})), Condition("made_at", "in", frozenset({moment(NOON)}))]
    expected = [prediction_id("batch", "mote-1", HALF_HOUR, NOON, version) for version in (3, 7)]
    assert list(forecast_ids(one, wanted, BIN, [3, 7])) == expected
    seventh = [*wanted, Condition("model_version", "in", frozenset({7}))]
    assert list(forecast_ids(one, seventh, BIN, [3, 7])) == expected[1:]


def test_a_latency_is_from_the_newest_readings_record_to_the_forecasts():
    two_hours = 4 * HALF_HOUR

    def written(document, ms):
        return document | {"_log": document["_log"] | {"written_at": moment(NOON + ms)}}

    def made(source, at, offset, ms, actual=None):
        each = prediction("p", source, "mote-07", at, two_hours, Measurements(1, 2, 3, 4))
        own = prediction_id(source, "mote-07", two_hours, at)
        each |= {"_id": own, "reading_offset": offset, "actual": actual}
        return written(each, ms) if ms else each

    errors = (HorizonError("temperature", two_hours, 2, 0.5, 1.0),)
    mongo = {
        "local_models": Collection([update("mote-07", NOON, 5, errors)]),
        "sensor_readings": Collection([written(reading("mote-07", 5), 1_000), reading("mote-07", 6)]),
        "predictions": Collection(
            [
                made("local", NOON, 5, 1_250),
                made("stream", NOON, 5, 4_000),
                made("local", NOON - BIN, 6, 9_000),  # its reading's record says no time
                made("stream", NOON - BIN, 5, 0),  # its own does not
                made("local", NOON - 2 * BIN, 5, 9_000, {"temperature": 1.0}),  # a score's record
                made("local", NOON - HOUR - BIN, 5, 9_000),  # long ago
            ]
        ),
    }
    assert rows(mongo, "latencies", "source", "made_at", "latency_s") == [
        ("local", moment(NOON), 0.25),
        ("stream", moment(NOON), 3.0),
    ]
    streamed = Condition("source", "in", frozenset({"stream"}))
    assert rows(mongo, "latencies", "latency_s", conditions=[streamed]) == [(3.0,)]
    assert all(
        wanted.keys() == {"_id"} for name in ("predictions", "sensor_readings") for wanted, _ in mongo[name].asked
    )
    assert rows(mongo | {"local_models": Collection([])}, "latencies", "latency_s") == []
