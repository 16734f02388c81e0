"""What the tables show of the documents that the sink wrote, and how few they look at."""

from datetime import datetime, timedelta

import pytest

from infra.superset.mongo_adapter.catalogue import TABLES
from infra.superset.mongo_adapter.conditions import Condition
from infra.superset.mongo_adapter.reader import read
from infra.superset.mongo_adapter.rows import projection
from infra.superset.mongo_adapter.windows import MAX_IDS, WINDOW, Progress, TooMuchError, forecast_ids
from schemas.events import HorizonError, Measurements
from schemas.forecasts import prediction_id
from tests.unit.superset.views import BIN, NOON, Collection, prediction, reading, update

HALF_HOUR = 1_800_000
ERRORS = (HorizonError("temperature", HALF_HOUR, 2, 0.5, 1.0), HorizonError("light", HALF_HOUR, 2, 5.0, 9.0))
START = datetime(1970, 1, 1)


def moment(ms):
    return START + timedelta(milliseconds=ms)


def forecasts(hours, source="local", device="mote-07"):
    ends = range(NOON - hours * 3_600_000, NOON + 1, BIN)
    ids = [prediction_id(source, device, HALF_HOUR, end) for end in ends]
    return [
        prediction(id_, source, device, end, HALF_HOUR, Measurements(n, 0, 0, 0))
        for n, (id_, end) in enumerate(zip(ids, ends, strict=True))
    ]


@pytest.fixture
def mongo():
    return {
        "local_models": Collection([update("mote-07", NOON, 5, ERRORS), update("mote-08", NOON, 3, partition=1)]),
        "sensor_readings": Collection([reading("mote-07", n) for n in range(8)] + [reading("mote-08", 3, 1)]),
        "predictions": Collection(forecasts(30) + forecasts(30, source="stream")),
        "forecast_errors_daily": Collection([]),
    }


def rows(mongo, table, *names, conditions=()):
    columns = [TABLES[table].column(name) for name in names]
    return [tuple(row[name] for name in names) for row in read(mongo, TABLES[table], conditions, columns)]


def test_forecasts_are_those_of_the_last_day(mongo):
    shown = rows(mongo, "predictions", "made_at")
    assert max(shown) == (moment(NOON),)
    assert min(shown) == (moment(NOON) - WINDOW,)
    assert len(shown) == 2 * (24 * 12 + 1)


def test_forecasts_are_looked_up_by_id_and_never_scanned(mongo):
    rows(mongo, "predictions", "made_at", conditions=[Condition("forecast_temperature", "ge", 1.0)])
    assert mongo["predictions"].asked
    assert all(wanted.keys() == {"_id"} for wanted, _ in mongo["predictions"].asked)


def test_a_condition_keeps_what_meets_it(mongo):
    since = Condition("made_at", "ge", moment(NOON - 3_600_000))
    local = Condition("source", "in", frozenset({"local"}))
    assert len(rows(mongo, "predictions", "made_at", conditions=[since, local])) == 13
    warm = Condition("forecast_temperature", "gt", 358.5)
    assert rows(mongo, "predictions", "forecast_temperature", conditions=[since, local, warm]) == [(359.0,), (360.0,)]
    assert (
        rows(mongo, "predictions", "made_at", conditions=[Condition("device_id", "in", frozenset({"mote-99"}))]) == []
    )


def test_of_one_device_at_a_time_the_first_is_shown_unless_others_are_named(mongo):
    mongo["local_models"].append(update("mote-06", NOON, 5, ERRORS))
    mongo["predictions"] += forecasts(3, device="mote-06")

    def devices(table, *conditions):
        return sorted({device for (device,) in rows(mongo, table, "device_id", conditions=conditions)})

    assert devices("predictions") == ["mote-06", "mote-07"]
    assert devices("device_forecasts") == ["mote-06"]
    assert devices("device_forecasts", Condition("device_id", "gt", "mote-06")) == ["mote-07"]
    assert devices("device_forecasts", Condition("device_id", "in", frozenset({"mote-07"}))) == ["mote-07"]
    both = Condition("device_id", "in", frozenset({"mote-06", "mote-07"}))
    assert devices("device_forecasts", both) == ["mote-06", "mote-07"]


def test_the_first_device_shows_the_same_whether_it_was_chosen_or_not(mongo):
    shown = "source", "made_at", "forecast_temperature"
    chosen = [Condition("device_id", "in", frozenset({"mote-07"}))]
    first = rows(mongo, "device_forecasts", *shown)
    assert first == rows(mongo, "predictions", *shown, conditions=chosen)
    assert len(first) == 2 * (24 * 12 + 1)


def test_the_newest_readings_of_every_partition_are_shown(mongo):
    shown = rows(mongo, "readings", "device_id", "temperature")
    assert sorted(shown) == [("mote-07", 20.0 + n) for n in range(8)] + [("mote-08", 23.0)]
    assert all(wanted.keys() == {"_id"} for wanted, _ in mongo["sensor_readings"].asked)


def test_a_device_comes_with_the_newest_reading_it_has_learned_from(mongo):
    shown = rows(mongo, "devices", "device_id", "reading_temperature")
    assert sorted(shown) == [("mote-07", 25.0), ("mote-08", 23.0)]


def test_an_array_is_a_row_for_each_item(mongo):
    shown = rows(mongo, "device_errors", "device_id", "sensor", "mae")
    assert shown == [("mote-07", "temperature", 0.5), ("mote-07", "light", 5.0)]


def test_an_empty_view_is_an_empty_table():
    empty = {table.collection: Collection([]) for table in TABLES.values()}
    for table in TABLES:
        assert rows(empty, table, TABLES[table].columns[0].name) == []


def test_too_much_is_refused_with_a_way_out():
    fleet = [Progress(f"mote-{n}", moment(NOON), (HALF_HOUR,), 0, 0) for n in range(100)]
    since = [Condition("made_at", "ge", moment(NOON) - timedelta(days=30))]
    with pytest.raises(TooMuchError, match="choose a shorter range of made_at"):
        forecast_ids(fleet, since, BIN)
    assert len(list(forecast_ids(fleet, [], BIN))) < MAX_IDS


def test_items_come_also_where_no_column_of_theirs_is_asked_for():
    sources = projection(TABLES["errors_by_day"], [TABLES["errors_by_day"].column("source")])
    assert sources == {"source": 1, "sums.sensor": 1, "_id": 0}
    assert projection(TABLES["errors_by_day"], []) == {"sums.sensor": 1, "_id": 0}
    assert projection(TABLES["error_distribution"], []) == {"sums": 1, "_id": 0}


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_weights_are_never_read(table):
    assert "weights" not in projection(table, table.columns)
    assert not any(column.path.endswith(("weights", "original")) for column in table.columns)
