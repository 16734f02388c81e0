import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from infra.settings import ROOT
from schemas.codec import milliseconds
from schemas.events import (
    DeadLetter,
    FleetInsight,
    GlobalModel,
    HorizonError,
    LocalUpdate,
    ModelCommand,
    Prediction,
    Reading,
    WindowPart,
    WindowPlan,
)
from schemas.topics import LARGEST_BYTES
from schemas.wire import (
    LONGEST_KEY,
    LONGEST_ORIGINAL,
    LONGEST_TEXT,
    STAMPED,
    WRITTEN_AT,
    Origin,
    dead_letter,
    error_summary,
    headers_of,
    iso,
    key_of,
    stamped,
    timestamp_of,
    written_at,
)
from tests.unit.schemas.samples import EMPTY, FULL, HALF_HOUR, NOON

READING, UPDATE, MODEL, PREDICTION, LETTER, COMMAND, PLAN, PART, INSIGHT = FULL
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
END = 253_402_300_799_999  # the last ms of 9999
moments = st.integers(0, END)


@given(moments)
@example(END)
@example(1)
def test_milliseconds_are_exact(moment):
    assert milliseconds(EPOCH + timedelta(milliseconds=moment)) == moment


@pytest.mark.parametrize("moment", [-1, -999, -86_400_001])
def test_milliseconds_are_exact_before_1970_too(moment):
    assert milliseconds(EPOCH + timedelta(milliseconds=moment)) == moment


@given(moments, st.integers(-14 * 60, 14 * 60))
def test_milliseconds_do_not_depend_on_the_time_zone(moment, minutes):
    there = (EPOCH + timedelta(milliseconds=min(moment, END - 86_400_000))).astimezone()
    assert milliseconds(there) == min(moment, END - 86_400_000)


@given(moments)
def test_iso_is_the_second_that_the_moment_lies_in(moment):
    shown = iso(moment)
    assert datetime.fromisoformat(shown) == EPOCH + timedelta(seconds=moment // 1000)
    assert shown.endswith("Z")


def test_iso_of_a_known_moment():
    assert iso(NOON) == "2004-03-04T12:00:00Z"


def test_every_record_is_keyed_by_what_its_order_matters_for():
    assert [key_of(event) for event in FULL] == [
        *(b"mote-07", b"mote-07", b"fleet", b"mote-07", b"k\xff", b"fleet", b"fleet", b"fleet", b"mote-07")
    ]
    assert key_of(EMPTY[4]) == EMPTY[4].letter_id.encode()


def test_record_timestamps_are_event_time():
    assert timestamp_of(READING) == NOON
    assert timestamp_of(UPDATE) == NOON
    assert timestamp_of(MODEL) == MODEL.window_end
    assert timestamp_of(PREDICTION) == PREDICTION.target_at
    assert timestamp_of(PREDICTION._replace(actual=None)) == PREDICTION.made_at
    assert timestamp_of(LETTER) == NOON
    assert timestamp_of(INSIGHT) == INSIGHT.end == NOON + HALF_HOUR
    assert timestamp_of(COMMAND) == timestamp_of(PLAN) == timestamp_of(PART) == NOON
    for unknown in (None, -1, 0):
        assert timestamp_of(LETTER._replace(origin_timestamp=unknown)) == 0


def test_headers_say_what_a_person_wants_to_see():
    assert headers_of(READING) == []
    assert headers_of(UPDATE) == [("sequence", b"3"), ("base_version", b"2"), ("examples", b"10")]
    assert headers_of(PREDICTION) == [("source", b"local"), ("model_version", b"2")]
    assert headers_of(LETTER) == [("stage", b"s"), ("error", "ValueError: grün".encode())]
    assert headers_of(MODEL) == [
        ("version", b"7"),
        ("window", b"2004-03-04T11:30:00Z/2004-03-04T12:00:00Z"),
        ("strategy", b"fedavg"),
        ("contributors", b"1"),
        ("error", "temperature@30min 0.250°C = 0.50*persistence".encode()),
        ("promotion", b"promoted"),
        ("champion", b"5"),
    ]
    assert dict(headers_of(MODEL._replace(champion=-1)))["champion"] == b"7"
    assert headers_of(COMMAND) == [("action", b"rollback"), ("version", b"5")]
    assert headers_of(INSIGHT) == [("kind", b"profile"), ("start", b"2004-03-04T12:00:00Z")]
    assert headers_of(PLAN) == headers_of(PART) == [("version", b"8"), ("partition", b"1"), ("summands", b"2")]


def test_a_dead_letters_header_stays_short_however_long_its_message():
    error = dict(headers_of(LETTER._replace(error_message="x" * 100_000)))["error"]
    assert error.startswith(b"ValueError: xxx")
    assert len(error) == 200


def test_the_error_header_is_of_the_shortest_horizon_with_anything_to_say():
    def row(sensor="temperature", minutes=30, count=3, persistence=2.0):
        return HorizonError(sensor, minutes * 60_000, count, 1.0, persistence)

    assert error_summary(MODEL._replace(errors=())) == "none"
    assert error_summary(MODEL._replace(errors=(row(sensor="light"),))) == "none"
    assert error_summary(MODEL._replace(errors=(row(count=0), row(persistence=0.0)))) == "none"
    chosen = MODEL._replace(errors=(row(minutes=120), row(minutes=60), row(minutes=30, count=0)))
    assert error_summary(chosen) == "temperature@60min 1.000°C = 0.50*persistence"


origins = st.builds(Origin, st.text(), st.integers(-1, 9), st.integers(0, 2**40), st.none() | st.binary(), st.none())


@given(origins, st.binary(), st.text())
def test_the_same_record_gives_the_same_letter(origin, original, message):
    first, second = (dead_letter("stage", origin, original, ValueError(message)) for _ in range(2))
    assert first == second
    assert first.letter_id == f"stage/{origin.topic}/{origin.partition}/{origin.offset}"
    assert (first.original, first.error_class, first.error_message) == (original, "ValueError", message)


@pytest.mark.parametrize("key", [600_000, LONGEST_KEY, LONGEST_KEY + 1, LARGEST_BYTES])
@pytest.mark.parametrize("value", [600_000, LONGEST_ORIGINAL, LONGEST_ORIGINAL + 1, 2 * LARGEST_BYTES])
def test_a_letter_is_taken_by_its_topic_however_large_its_record_and_says_what_is_left_out(codec, key, value):
    origin = Origin("t" * 249, 0, 2**62, bytes(key))
    letter = dead_letter("stage", origin, bytes(value), ValueError("🌡" * 2 * LONGEST_TEXT))
    record = codec.encode(letter)
    texts = 10 * LONGEST_TEXT * 4  # Kafka Connect's headers come to it
    assert len(record.key) + len(record.value) + sum(map(len, dict(record.headers).values())) < LARGEST_BYTES - texts
    assert codec.decode("dead_letters", record.value, record.key) == letter
    kept = key <= LONGEST_KEY, value <= LONGEST_ORIGINAL
    assert (letter.origin_key == origin.key, letter.original == bytes(value)) == kept
    assert (f"the key, {key} bytes, is too long" not in letter.error_message) is kept[0]
    assert (f"the original, {value} bytes, is too long" not in letter.error_message) is kept[1]
    assert f"🌡… ({2 * LONGEST_TEXT} characters)" in letter.error_message


def test_letters_of_different_records_or_stages_have_different_names():
    places = [("t", 0, 11), ("t", 1, 1), ("t", 0, 1), ("u", 0, 1)]
    letters = [
        dead_letter(stage, Origin(*place), b"", ValueError()).letter_id for stage in ("a", "b") for place in places
    ]
    assert len(set(letters)) == len(letters)


def test_a_letter_for_a_record_without_a_timestamp_comes_back(codec):
    letter = LETTER._replace(origin_timestamp=-1)  # Kafka's word for none
    record = codec.encode(letter)
    assert codec.decode(record.topic, record.value) == letter


def test_the_samples_are_of_every_class():
    assert [type(event) for event in FULL] == [
        *(Reading, LocalUpdate, GlobalModel, Prediction, DeadLetter, ModelCommand, WindowPlan, WindowPart),
        FleetInsight,
    ]
    assert PREDICTION.target_at - PREDICTION.made_at == HALF_HOUR


def test_readings_and_forecasts_say_when_they_were_written_beside_what_is_shown(codec):
    told = {type(event).__name__: stamped(codec.encode(event), 1_700_000_000.1239) for event in FULL}
    assert {name for name, headers in told.items() if written_at(headers) is not None} == {"Reading", "Prediction"}
    assert written_at(told["Reading"]) == 1_700_000_000_123
    shown = dict(told["Prediction"])
    assert shown.pop("written_at") == b"1700000000123"
    assert shown == dict(headers_of(next(event for event in FULL if isinstance(event, Prediction))))


@pytest.mark.parametrize(
    "value", [None, b"", b"-1", b"1.5", b"soon", b"1" * 15, b"9" * 5_000], ids=lambda value: str(value)[:9]
)
def test_what_is_no_time_is_none(value):
    assert written_at([("written_at", value)]) is None
    assert written_at([("source", b"1")]) is None
    assert written_at(None) is None


def test_flinks_serializer_stamps_forecasts_under_the_same_name():
    java = (ROOT / "infra/jvm/flink/src/main/java/dev/fedlog/flink/ToRecord.java").read_text()
    assert f'record.headers().add("{WRITTEN_AT}", ' in java
    (topic,) = re.findall(r'record\.topic\(\)\.equals\("(\w+)"\)', java)
    assert topic in STAMPED


def test_flink_writes_records_as_large_as_their_topics_take():
    java = (ROOT / "infra/jvm/flink/src/main/java/dev/fedlog/flink/Log.java").read_text()
    assert f'LARGEST_BYTES = "{LARGEST_BYTES}";' in java
    assert 'setProperty("max.request.size", LARGEST_BYTES)' in java
