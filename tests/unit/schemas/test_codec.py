import io

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codec import (
    EARLIEST,
    LATEST,
    InvalidEventError,
    NotAvroError,
    TruncatedRecordError,
    UndecodableRecord,
    UnknownSchemaError,
    check,
)
from schemas.events import SENSORS, Measurements, Reading
from schemas.topics import TOPIC_OF, TOPICS
from schemas.wire import headers_of, key_of, timestamp_of
from tests.unit.schemas.avro import avro, read
from tests.unit.schemas.fake_registry import FIRST_ID
from tests.unit.schemas.samples import FULL, SAMPLES, name_of

PLAIN = FULL[0]


def framed(number, body):
    return b"\0" + number.to_bytes(4, "big") + body


@pytest.mark.parametrize("event", SAMPLES, ids=name_of)
def test_every_event_comes_back_as_it_was(codec, event):
    record = codec.encode(event)
    assert codec.decode(record.topic, record.value, record.key) == event
    assert type(codec.decode(record.topic, record.value)) is type(event)


@pytest.mark.parametrize("event", SAMPLES, ids=name_of)
def test_a_record_is_the_confluent_frame_round_what_fastavro_writes(codec, event):
    record = codec.encode(event)
    topics = list(TOPICS)
    assert record.value == framed(FIRST_ID + topics.index(record.topic), avro(event))
    assert (record.key, record.headers, record.timestamp) == (key_of(event), headers_of(event), timestamp_of(event))


measurement = st.none() | st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=150, deadline=None)
@given(
    reading=st.builds(
        Reading,
        st.text(max_size=20),
        st.integers(EARLIEST, LATEST - 1),
        st.none() | st.integers(-(2**63), 2**63 - 1),
        *[measurement] * 4,
        st.text(max_size=20),
        st.integers(-(2**31), 2**31 - 1),
        st.integers(-(2**63), 2**63 - 1),
    )
)
def test_every_possible_reading_comes_back_to_the_last_bit(codec, reading):
    record = codec.encode(reading)
    assert codec.decode("iot_stream", record.value, record.key) == reading


@settings(max_examples=60, deadline=None)
@given(
    forecast=st.builds(Measurements, *[measurement] * 4),
    actual=st.none() | st.builds(Measurements, *[measurement] * 4),
    made_at=st.integers(0, LATEST),
)
def test_nested_measurements_come_back(codec, forecast, actual, made_at):
    event = FULL[3]._replace(forecast=forecast, persistence=forecast, actual=actual, error=actual, made_at=made_at)
    record = codec.encode(event)
    assert codec.decode("predictions", record.value) == event


@pytest.mark.parametrize("value", [None, b"", b"\0", b"\0\0\0\0\1", b"hello world", b"\1" + bytes(30)])
def test_what_is_not_avro_says_so(codec, value):
    with pytest.raises(NotAvroError):
        codec.decode("iot_stream", value)


def test_an_id_the_registry_does_not_know_is_named(codec):
    with pytest.raises(UnknownSchemaError, match="schema id 1234567 "):
        codec.decode("iot_stream", framed(1234567, avro(PLAIN)))


@pytest.mark.parametrize("event", SAMPLES, ids=name_of)
def test_a_record_cut_anywhere_is_undecodable(codec, event):
    record = codec.encode(event)
    for length in range(len(record.value)):
        with pytest.raises(TruncatedRecordError if length > 5 else NotAvroError):
            codec.decode(record.topic, record.value[:length])


@settings(max_examples=300, deadline=None)
@given(
    event=st.sampled_from(FULL),
    changes=st.lists(st.tuples(st.integers(5, 400), st.integers(0, 255)), min_size=1, max_size=4),
)
def test_a_record_with_wrong_bytes_is_an_event_or_undecodable(codec, event, changes):
    record = codec.encode(event)
    damaged = bytearray(record.value)
    for place, byte in changes:
        damaged[5 + place % (len(damaged) - 5)] = byte
    try:
        decoded = codec.decode(record.topic, bytes(damaged))
    except UndecodableRecord:
        return
    assert type(decoded) is type(event)


@pytest.mark.parametrize("sensor", SENSORS)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_measurement_that_is_no_number_is_refused_by_name(codec, sensor, value):
    record = codec.encode(PLAIN._replace(**{sensor: value}))
    with pytest.raises(InvalidEventError, match=f"{sensor} is {value}"):
        codec.decode("iot_stream", record.value)


@pytest.mark.parametrize("id_", ["mote-07/4", "mote-7/3", "nonsense", ""])
def test_an_update_under_another_id_than_its_devices_is_refused(codec, id_):
    record = codec.encode(FULL[1]._replace(update_id=id_))
    with pytest.raises(InvalidEventError, match="is not mote-07/3"):
        codec.decode("local_updates", record.value, record.key)


@pytest.mark.parametrize("moment", [0, -1, EARLIEST - 1, LATEST, 16_725_225_600_000])
def test_a_reading_from_an_impossible_moment_is_refused(codec, moment):
    with pytest.raises(InvalidEventError, match=r"outside 1990\.\.2099"):
        codec.decode("iot_stream", framed(FIRST_ID, avro(PLAIN._replace(event_time=moment))))


@pytest.mark.parametrize("moment", [253_402_300_800_000, -62_135_596_800_001, 2**62, -(2**62)])
def test_a_moment_that_no_calendar_holds_is_undecodable(codec, moment):
    with pytest.raises(UndecodableRecord):
        codec.decode("iot_stream", framed(FIRST_ID, avro(PLAIN._replace(event_time=moment))))


@pytest.mark.parametrize("moment", [EARLIEST, LATEST - 1])
def test_the_first_and_the_last_possible_moment_are_taken(codec, moment):
    assert codec.decode("iot_stream", codec.encode(PLAIN._replace(event_time=moment)).value).event_time == moment


@pytest.mark.parametrize("event", FULL, ids=name_of)
def test_a_record_under_another_key_is_refused(codec, event):
    record = codec.encode(event)
    with pytest.raises(InvalidEventError, match="other"):
        codec.decode(record.topic, record.value, b"other")
    with pytest.raises(InvalidEventError):
        codec.decode(record.topic, record.value, b"")


@pytest.mark.parametrize("topic", TOPICS)
def test_another_topics_event_is_undecodable(codec, topic):
    for other in FULL:
        if type(other) is not TOPICS[topic].event:
            with pytest.raises(UndecodableRecord):
                codec.decode(topic, codec.encode(other).value)


def test_an_event_of_a_later_compatible_schema_is_read_without_what_is_new(codec, shared_registry):
    schema = TOPICS["iot_stream"].schema
    schema["fields"].insert(1, {"name": "firmware", "type": "string", "default": ""})
    number = shared_registry.add(schema)
    written = avro(PLAIN, schema, firmware="1.2")
    assert codec.decode("iot_stream", framed(number, written)) == PLAIN


def test_an_event_of_an_earlier_schema_takes_the_defaults_of_todays(codec, shared_registry):
    schema = TOPICS["iot_stream"].schema
    schema["fields"] = [field for field in schema["fields"] if field["name"] not in ("lap", "position", "epoch")]
    number = shared_registry.add(schema)
    decoded = codec.decode("iot_stream", framed(number, avro(PLAIN, schema)))
    assert decoded == PLAIN._replace(lap=0, position=-1, epoch=None)


def test_check_holds_readings_only_to_what_readings_promise():
    for event in FULL:
        check(TOPIC_OF[type(event)], read(event))
    with pytest.raises(InvalidEventError):
        check("iot_stream", read(PLAIN._replace(event_time=0)))


def test_what_an_event_cannot_be_is_not_written(codec):
    with pytest.raises((TypeError, ValueError)):
        codec.encode(PLAIN._replace(event_time="noon"))
    with pytest.raises((TypeError, ValueError, OverflowError)):
        codec.encode(PLAIN._replace(position=2**63))


def test_the_wire_form_is_readable_without_our_code(codec):
    record = codec.encode(PLAIN)
    row = fastavro.schemaless_reader(io.BytesIO(record.value[5:]), fastavro.parse_schema(TOPICS["iot_stream"].schema))
    assert row["temperature"] == 20.5
    assert row["event_time"].isoformat() == "2004-03-04T12:00:00.123000+00:00"
