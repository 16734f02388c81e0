from datetime import UTC, datetime

import bson
import pytest

from mongo_sink.documents import placed, position_of
from schemas.topics import TOPIC_OF
from schemas.wire import Origin
from tests.unit.mongo_sink.sink_events import ROOM, document, global_model, letter, prediction, reading, update, weights

MOMENT = datetime(2004, 3, 4, 12, 0, 0, 123_000, tzinfo=UTC)
EVENTS = [reading(), update(3), global_model(4), prediction(scored=True), prediction(scored=False), letter()]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_a_document_is_id_then_the_events_fields_then_its_place_and_survives_bson(event):
    made = document(event, "id", 12, 3)
    assert list(made) == ["_id", *event._fields, "_log"]
    assert made["_log"] == {"topic": TOPIC_OF[type(event)], "partition": 3, "offset": 12}
    assert position_of(made) == (TOPIC_OF[type(event)], 3, 12)
    options = bson.codec_options.CodecOptions(tz_aware=True)
    assert bson.decode(bson.encode(made), options) == made


def test_a_document_says_when_its_record_was_written_where_that_does():
    origin = Origin("predictions", 3, 12, written_at=1_078_401_600_123)
    made = placed({"forecast": 1, "_id": "a"}, origin)
    assert made["_log"] == {"topic": "predictions", "partition": 3, "offset": 12, "written_at": MOMENT}
    assert position_of(made) == ("predictions", 3, 12)


def test_moments_are_dates_to_the_millisecond_and_absent_ones_are_null():
    assert document(reading(), "id")["event_time"] == MOMENT
    assert document(update(1, adopted_at=None), "id")["adopted_at"] is None
    assert document(update(1, adopted_at=1_078_401_600_123), "id")["adopted_at"] == MOMENT
    assert document(letter(), "id")["origin_timestamp"] == MOMENT
    assert document(global_model(1), "id")["contributions"][0]["event_time"] == MOMENT


def test_nested_records_are_documents_and_weights_are_binary():
    made = document(global_model(1), "id")
    assert made["contributions"][1] | {"event_time": None} == {
        "update_id": "mote-08/3",
        "device_id": "mote-08",
        "partition": 2,
        "offset": 18,
        "event_time": None,
        "base_version": 1,
        "staleness": 1,
        "example_count": 10,
        "coefficient": 0.0,
        "outcome": "rejected",
        "reason": "stale",
    }
    assert made["errors"][0]["sensor"] == "temperature"
    assert made["strategy_parameters"] == {"decay": 0.5}
    assert made["weights"] == weights()
    assert document(prediction(scored=False), "id")["forecast"] == ROOM._asdict()
    assert document(prediction(scored=False), "id")["actual"] is None
