"""Roll-ups: each forecast counts once, in whatever order and however often it comes, and the sums are right."""

from collections import defaultdict
from threading import Event as Signal
from uuid import uuid4

import pytest
from bson import CodecOptions, decode, encode
from hypothesis import given
from hypothesis import strategies as st

from mongo_sink.documents import date
from mongo_sink.mongo_client import connect
from mongo_sink.rollups import task as rollup_task
from mongo_sink.rollups.fold import BUCKETS, DAILY, GRAINS, HOURLY, SMALLEST, rolled_up
from mongo_sink.rollups.scores import score_of
from mongo_sink.rollups.task import RollUpSinkTask
from mongo_sink.task import SinkTaskContext
from mongo_sink.writes import ServerNotReadyError
from schemas.events import UNITS, Measurements, Prediction
from tests import mongo_servers
from tests.unit.mongo_sink.sink_events import record

MIDNIGHT = 1_078_358_400_000  # 2004-03-04
BIN = 300_000
UNITS_AT = {sensor: place for place, sensor in enumerate(UNITS)}
DEVICES = ("mote-01", "mote-02", "mote-03")


def measured(values):
    return Measurements(**dict(zip(UNITS, values, strict=True)))


def less(one, other):
    pairs = zip(one, other, strict=True)
    return Measurements(*(None if a is None or b is None else a - b for a, b in pairs))


def prediction(source, device, made_at, version, horizon=6, actual=None, **changed):
    forecast = measured((20.0, 40.0, 100.0, 2.5))
    came = actual or measured((20.5, None, 101.0, 2.5))
    return Prediction(
        f"{source}/{device}/{horizon}/{made_at}",
        source,
        device,
        version,
        MIDNIGHT + made_at * BIN,
        MIDNIGHT + (made_at + horizon) * BIN,
        horizon * BIN,
        forecast,
        measured((19.0, 41.0, None, 2.5)),
        came,
        less(forecast, came),
        1.0,
        False,
        int(device[-1]) % 2,
        made_at,
        "test",
    )._replace(**changed)


def scores_of(predictions):
    return [score_of(each.origin, each.fields) for each in map(record, predictions)]


values = st.floats(-500, 500, allow_nan=False)
measurements = st.tuples(*[st.none() | values] * 4).map(measured)
events = st.builds(
    lambda source, device, made_at, version, horizon, actual, alarm: prediction(
        source, device, made_at, version if source == "batch" else made_at // 7, horizon, actual, anomaly=alarm
    ),
    st.sampled_from(["local", "stream", "batch"]),
    st.sampled_from(DEVICES),
    st.integers(0, 400),
    st.integers(1, 3),
    st.sampled_from([1, 6]),
    measurements,
    st.booleans(),
)


def identity(event):
    return event.prediction_id, event.model_version if event.source == "batch" else None


several = st.lists(events, max_size=60, unique_by=identity)


AWARE = CodecOptions(tz_aware=True)


def folded(batches, grain):
    """The documents that the batches leave, through BSON as a server keeps them."""
    held = {}
    for batch in batches:
        for id_, document in rolled_up(grain, held, scores_of(batch)).items():
            held[id_] = decode(encode(document), AWARE)
    return {id_: encode(document) for id_, document in held.items()}


@pytest.mark.parametrize("grain", GRAINS)
@given(data=st.data())
def test_order_batches_and_repeats_change_no_byte(grain, data):
    once = data.draw(several)
    shuffled = data.draw(st.permutations([*once, *data.draw(st.lists(st.sampled_from(once)) if once else st.just([]))]))
    cut = data.draw(st.integers(0, len(shuffled)))
    assert folded([shuffled[:cut], shuffled[cut:], shuffled[:cut]], grain) == folded([once], grain)


@given(several)
def test_the_sums_are_those_of_the_forecasts(predictions):
    hours = folded([predictions], HOURLY)
    days = folded([predictions], DAILY)
    for documents, key in (
        (hours, lambda e: (e.source, e.horizon_ms, e.made_at // 3_600_000, e.reading_partition)),
        (days, lambda e: (e.source, e.horizon_ms, e.made_at // 86_400_000, e.device_id)),
    ):
        expected = defaultdict(list)
        for each in predictions:
            expected[*key(each), each.model_version if each.source == "batch" else None].append(each)
        found = [decode(raw) for raw in documents.values()]
        assert sorted(d["scored"] for d in found) == sorted(map(len, expected.values()))
        assert sum(d["alarms"] for d in found) == sum(e.anomaly for e in predictions)
        for sensor in UNITS:
            errors = [abs(e.error[UNITS_AT[sensor]]) for e in predictions if e.error[UNITS_AT[sensor]] is not None]
            sums = [s for d in found for s in d["sums"] if s["sensor"] == sensor]
            assert sum(s["count"] for s in sums) == len(errors)
            assert sum(s["absolute_error"] for s in sums) / 1e6 == pytest.approx(sum(errors), abs=1e-6 * len(errors))


def test_versions_are_kept_apart_by_hour_and_devices_by_day():
    made = [prediction("local", device, at, version=at) for device in DEVICES[:2] for at in (1, 2)]
    hours = [decode(raw) for raw in folded([made], HOURLY).values()]
    assert sorted(d["_id"] for d in hours) == [f"local/p{p}/30/{MIDNIGHT}" for p in (0, 1)]
    assert [(s["model_version"], s["sensor"]) for s in hours[0]["sums"]] == [
        (version, sensor) for version in (1, 2) for sensor in ("light", "temperature", "voltage")
    ]
    assert (hours[0]["start"], hours[0]["newest_offset"]) == (date(MIDNIGHT).replace(tzinfo=None), 2)
    days = folded([made], DAILY)
    assert sorted(days) == [f"local/{device}/30/{MIDNIGHT}" for device in DEVICES[:2]]
    temperature = next(s for s in decode(days[f"local/mote-01/30/{MIDNIGHT}"])["sums"] if s["sensor"] == "temperature")
    assert (temperature["count"], temperature["absolute_error"]) == (2, 1_000_000)
    assert (temperature["persistence_count"], temperature["persistence_absolute_error"]) == (2, 3_000_000)


def test_a_batch_evaluation_has_documents_of_its_own_for_each_version():
    made = [prediction("batch", "mote-01", 1, version) for version in (3, 4)]
    assert sorted(folded([made], DAILY)) == [f"batch/mote-01/30/{MIDNIGHT}/{version}" for version in (3, 4)]


@pytest.mark.parametrize(
    ("error", "bucket"), [(0.0, 0), (0.015, 0), (0.016, 1), (0.031, 1), (0.032, 2), (0.5, 6), (9_999.0, BUCKETS - 1)]
)
def test_a_bucket_is_twice_as_wide_as_the_one_before(error, bucket):
    made = prediction("local", "mote-01", 1, 1, error=measured((error, None, None, None)))
    [document] = [decode(raw) for raw in folded([[made]], DAILY).values()]
    assert document["sums"][0]["histogram"] == [int(place == bucket) for place in range(BUCKETS)]
    assert SMALLEST.keys() == UNITS.keys()


def test_a_forecast_whose_time_has_not_come_is_no_score():
    assert scores_of([prediction("local", "mote-01", 1, 1, actual=None)._replace(actual=None, error=None)]) == [None]


@pytest.fixture
def rollups(mongo):
    reported = []
    context = SinkTaskContext(lambda origin, value, error: reported.append((origin.offset, str(error))), Signal())
    name = mongo_servers.database(uuid4().hex[:8])
    made = RollUpSinkTask(context)
    made.start(
        {
            "name": "sums",
            "connector.class": "RollUpSinkConnector",
            "topics": "predictions",
            "connection.uri": mongo,
            "database": name,
        }
    )
    with connect(mongo) as client:
        yield made, client[name], reported
        client.drop_database(name)
    made.stop()


def held(database, grain):
    return {document["_id"]: encode(document) for document in database[grain.collection].find()}


def test_on_a_server_batches_delivered_twice_leave_what_the_fold_does(rollups):
    task, database, reported = rollups
    made = [prediction("local", device, at, at // 6) for at in range(300) for device in DEVICES]
    for batch in (made[:400], made[300:], made[:100]):
        task.put(task.converted([record(each) for each in batch]))
    for grain in GRAINS:
        assert held(database, grain) == folded([made], grain)
    assert reported == []


def test_what_cannot_be_added_up_is_reported_and_the_rest_is_summed(rollups):
    task, database, reported = rollups
    bad = [
        prediction("local", "mote-01", 1, 1, error=measured((error, None, None, None)))
        for error in (float("nan"), 1e300)
    ]
    good = prediction("local", "mote-01", 2, 1)
    task.put(task.converted([record(each, offset) for offset, each in enumerate((*bad, good))]))
    assert [offset for offset, _ in reported] == [0, 1]
    assert "an error of nan in temperature cannot be added up" in reported[0][1]
    assert held(database, DAILY) == folded([[good]], DAILY)


@pytest.mark.parametrize("before", [0, 1])
def test_what_another_task_has_written_meanwhile_is_not_lost(rollups, monkeypatch, before):
    _, database, _ = rollups
    collection, original = database[HOURLY.collection], rollup_task.rolled_up
    there, mine, others = (scores_of([prediction("local", "mote-01", at, 1)]) for at in (1, 2, 3))
    rollup_task.fold_in(collection, HOURLY, there * before)

    def overtaken(grain, held, scores):
        changed = original(grain, held, scores)
        monkeypatch.setattr(rollup_task, "rolled_up", original)
        rollup_task.fold_in(collection, HOURLY, others)
        return changed

    monkeypatch.setattr(rollup_task, "rolled_up", overtaken)
    with pytest.raises(ServerNotReadyError):
        rollup_task.fold_in(collection, HOURLY, mine)
    assert collection.find_one()["scored"] == before + 1
    rollup_task.fold_in(collection, HOURLY, mine)
    assert collection.find_one()["scored"] == before + 2
