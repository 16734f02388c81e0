"""What a partition's segments give back is what they were given, whatever bytes lie on the log."""

import json
import tempfile
from io import BytesIO
from pathlib import Path

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.archive import partitions, segments
from infra.archive.manifest import Manifest, Subject
from infra.archive.partitions import PartitionWriter
from infra.archive.records import LogRecord, Place, WriterSchema
from schemas.codec import plain
from schemas.topics import TOPIC_OF, TOPICS
from tests.unit.schemas.samples import SAMPLES, name_of

PLACE = Place("predictions", 1)
PUBLISHED = Path(__file__).parents[1] / "schemas" / "published"
OLD, NEW = (
    WriterSchema("predictions-value", n, (PUBLISHED / f"predictions.v{n}.avsc").read_text("utf-8")) for n in (3, 4)
)
READINGS = WriterSchema("iot_stream-value", 1, json.dumps(TOPICS["iot_stream"].schema))
NO_RECORD = WriterSchema("numbers-value", 1, '"long"')
WITHOUT_NAMESPACE = WriterSchema(
    "plain-value",
    1,
    '{"type": "record", "name": "Plain", "fields": [{"name": "word", "type": {"type": "enum", "name": "Word",'
    ' "symbols": ["a"]}}, {"name": "when", "type": {"type": "long", "logicalType": "timestamp-millis"}}]}',
)
SCHEMAS = (OLD, NEW, READINGS, NO_RECORD, WITHOUT_NAMESPACE)


def body(schema, row):
    stream = BytesIO()
    fastavro.schemaless_writer(stream, json.loads(schema.text), row)
    return stream.getvalue()


FORECASTS = [plain(event) for event in SAMPLES if TOPIC_OF[type(event)] == "predictions"]
READ = [plain(event) for event in SAMPLES if TOPIC_OF[type(event)] == "iot_stream"]
EVENTS = {
    # What the older version does not have is left out by the writer.
    OLD: [body(OLD, row) for row in FORECASTS],
    NEW: [body(NEW, row) for row in FORECASTS],
    READINGS: [body(READINGS, row) for row in READ],
    NO_RECORD: [body(NO_RECORD, 7)],
    # In reach of Avro, and of no calendar.
    WITHOUT_NAMESPACE: [body(WITHOUT_NAMESPACE, {"word": "a", "when": when}) for when in (5, 2**62, -(2**62))],
}


@st.composite
def framed(draw):
    schema = draw(st.sampled_from(SCHEMAS))
    event = draw(st.sampled_from(EVENTS[schema]))
    kind = draw(st.sampled_from(("event", "longer", "shorter", "other")))
    match kind:
        case "event":
            return schema, event
        case "longer":
            return schema, event + draw(st.binary(min_size=1, max_size=3))
        case "shorter":
            return schema, event[: draw(st.integers(0, len(event) - 1))]
    return schema, draw(st.binary(max_size=60))


VALUES = st.one_of(
    framed(), framed(), st.binary(max_size=30).map(lambda raw: (None, raw)), st.just((None, None)), st.just((None, b""))
)
HEADERS = st.lists(st.tuples(st.sampled_from(("a", "a", "", "größe")), st.none() | st.binary(max_size=8)), max_size=4)
KEYS = st.none() | st.binary(max_size=12)
RECORDS = st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), KEYS, HEADERS, VALUES), max_size=30)


def archived(folder, records, first, limit):
    writer = PartitionWriter(folder, PLACE, limit)
    for record in records:
        writer.append(record)
    partition = writer.close(first, first + len(records))
    subjects = [Subject(subject=s.subject, version=s.version, schema_text=s.text) for s in SCHEMAS]
    return Manifest(schemas=subjects, unknown_schema_ids=[], topics={PLACE.topic: {PLACE.partition: partition}})


def laid(drawn, first):
    return [
        LogRecord(offset, timestamp, key, headers, *value)
        for offset, (timestamp, key, headers, value) in enumerate(drawn, first)
    ]


@settings(deadline=None, max_examples=150)
@given(RECORDS, st.integers(0, 2**40), st.integers(1, 12))
def test_every_record_comes_back_as_it_was(drawn, first, limit):
    records = laid(drawn, first)
    with tempfile.TemporaryDirectory() as name:
        archive = archived(Path(name), records, first, limit)
        assert list(partitions.records(Path(name), archive, PLACE)) == records
        partition = archive.topics[PLACE.topic][PLACE.partition]
        assert partition.records == len(records)
        assert all(segment.records <= limit for segment in partition.segments)


@settings(deadline=None, max_examples=50)
@given(RECORDS)
def test_any_avro_reader_reads_every_segment(drawn):
    records = {record.offset: record for record in laid(drawn, 0)}
    with tempfile.TemporaryDirectory() as name:
        archived(Path(name), list(records.values()), 0, 5)
        seen = set()
        for path in Path(name).rglob("*.avro"):
            with path.open("rb") as file:
                for row in fastavro.reader(file):
                    record = records[row["offset"]]
                    seen.add(row["offset"])
                    assert (row["timestamp"], row["key"]) == (record.timestamp, record.key)
                    assert [(header["name"], header["value"]) for header in row["headers"]] == record.headers
                    if record.schema is None:
                        assert row["value"] == record.body
        assert seen == records.keys()


@pytest.mark.parametrize("event", SAMPLES, ids=name_of)
def test_an_event_is_decoded_in_place(tmp_path, event):
    spec = TOPICS[TOPIC_OF[type(event)]]
    schema = WriterSchema(spec.subject, 1, json.dumps(spec.schema))
    written = body(schema, plain(event))
    writer = PartitionWriter(tmp_path, PLACE)
    writer.append(LogRecord(0, 5, b"k", [], schema, written))
    writer.append(LogRecord(1, 5, b"k", [], schema, written + b"\0"))
    [segment] = writer.close(0, 2).segments
    with (tmp_path / PLACE.topic / str(PLACE.partition) / segment.file).open("rb") as file:
        reader = fastavro.reader(file)
        first, second = reader
    assert first["value"] == fastavro.schemaless_reader(BytesIO(written), fastavro.parse_schema(spec.schema))
    assert second["value"] == {"body": written + b"\0"}
    assert reader.metadata["fedlog.topic"] == PLACE.topic
    assert json.loads(reader.metadata["fedlog.schema"]) == spec.schema


def test_writers_that_take_turns_make_no_more_files_than_schemas(tmp_path):
    records = [LogRecord(n, n, None, [], s := (OLD, NEW)[n % 2], EVENTS[s][0]) for n in range(100)]
    records.append(LogRecord(100, 0, None, [("watermark", b"5")], None, None))
    archive = archived(tmp_path, records, 0, 1000)
    assert [s.file for s in archive.topics[PLACE.topic][PLACE.partition].segments] == [
        "00000000000000000000.avro",
        "00000000000000000001.avro",
    ]
    assert list(partitions.records(tmp_path, archive, PLACE)) == records


def test_the_same_records_give_the_same_files(tmp_path):
    records = [LogRecord(n, n, b"k", [], NEW, EVENTS[NEW][n % len(EVENTS[NEW])]) for n in range(2000)]
    assert archived(tmp_path / "a", records, 0, 600) == archived(tmp_path / "b", records, 0, 600)


def test_a_block_ends_where_it_is_large_enough(tmp_path):
    large = bytes(segments.BLOCK_BYTES // 2 + 1)
    records = [LogRecord(n, n, None, [], None, large) for n in range(5)]
    archive = archived(tmp_path, records, 0, 1000)
    [path] = tmp_path.rglob("*.avro")
    with path.open("rb") as file:
        assert [block.num_records for block in fastavro.block_reader(file)] == [2, 2, 1]
    assert list(partitions.records(tmp_path, archive, PLACE)) == records
