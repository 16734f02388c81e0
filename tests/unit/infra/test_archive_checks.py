"""What is found out before the first record is written, and what a schema's id means."""

import json
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
from confluent_kafka.schema_registry.error import SchemaRegistryError

from infra.archive import checking, export, manifest, partitions
from infra.archive.checking import check_bounds, check_files, check_prefix
from infra.archive.manifest import Manifest, Partition
from infra.archive.partitions import PartitionWriter
from infra.archive.records import ArchiveError, LogRecord, Place, WriterSchema
from infra.archive.registered import WriteWith, WrittenWith
from infra.archive.writing import Write
from schemas.topics import TOPICS

PLACE = Place("iot_stream", 0)
READING = json.dumps(TOPICS["iot_stream"].schema)


class Registry:
    """As much of the registry's client as an archive asks, in a dict."""

    def __init__(self, **subjects):
        self.next, self.subjects = 1, {}
        for subject, texts in subjects.items():
            for text in texts:
                self.register_schema(subject, SimpleNamespace(schema_str=text))

    def get_subjects(self):
        return list(self.subjects)

    def get_versions(self, subject):
        return [version for version, _ in enumerate(self.subjects[subject], 1)]

    def get_version(self, subject, version):
        schema_id, text = self.subjects[subject][version - 1]
        schema = SimpleNamespace(schema_type="AVRO", references=[], schema_str=text)
        return SimpleNamespace(schema_id=schema_id, schema=schema)

    def get_schema(self, schema_id):
        for versions in self.subjects.values():
            for known, text in versions:
                if known == schema_id:
                    return text
        raise SchemaRegistryError(404, 40403, "no")

    def lookup_schema(self, subject, schema):
        for schema_id, text in self.subjects.get(subject, []):
            if text == schema.schema_str:
                return SimpleNamespace(schema_id=schema_id)
        raise SchemaRegistryError(404, 40401, "no")

    def register_schema(self, subject, schema):
        self.subjects.setdefault(subject, []).append((self.next, schema.schema_str))
        self.next += 1
        return self.next - 1

    def set_config(self, subject, config):
        pass


def framed(schema_id, body=b"body"):
    return b"\0" + schema_id.to_bytes(4) + body


def test_a_value_names_the_schema_of_its_own_topic_first():
    client = Registry(**{"a-value": [READING], "iot_stream-value": [READING]})
    client.subjects["iot_stream-value"] = client.subjects["a-value"]
    schemas = WrittenWith(client)
    assert schemas.split("iot_stream", framed(1)) == (WriterSchema("iot_stream-value", 1, READING), b"body")
    assert schemas.split("a", framed(1))[0].subject == "a-value"


@pytest.mark.parametrize("value", [None, b"", b"\0\0\0\0", b"\1\0\0\0\1body", framed(77)])
def test_what_names_no_schema_stays_whole(value):
    assert WrittenWith(Registry(**{"iot_stream-value": [READING]})).split("iot_stream", value) == (None, value)


def test_a_schema_that_comes_during_an_export_is_found_and_kept():
    client = Registry(**{"iot_stream-value": [READING]})
    schemas = WrittenWith(client)
    new = client.register_schema("other-value", SimpleNamespace(schema_str='"long"'))
    client.register_schema("unused-value", SimpleNamespace(schema_str='"int"'))
    assert schemas.split("iot_stream", framed(new)) == (WriterSchema("other-value", 1, '"long"'), b"body")
    assert [(kept.subject, kept.version) for kept in schemas.kept()] == [("iot_stream-value", 1), ("other-value", 1)]
    assert schemas.unknown == set()


def test_older_versions_are_registered_first_and_values_named_anew():
    client = Registry(**{"before": ['"int"'] * 5})
    kept = [WriterSchema("iot_stream-value", n, text) for n, text in ((2, READING), (1, '"older"'))]
    values = WriteWith(client, kept)
    values.look_up()
    record = LogRecord(0, 0, None, [], kept[0], b"body")
    assert values.value(record) == b"body"
    values.register([77])
    assert [text for _, text in client.subjects["iot_stream-value"]] == ['"older"', READING]
    assert values.value(record) == framed(7)
    assert values.value(record._replace(schema=None)) == b"body"


def test_an_id_that_meant_nothing_must_go_on_to():
    with pytest.raises(ArchiveError, match="names schema 1, which meant nothing"):
        WriteWith(Registry(**{"a-value": [READING]}), []).register([1])


def archived(folder, bodies, end=None):
    writer = PartitionWriter(folder, PLACE, 2)
    for offset, body in enumerate(bodies):
        writer.append(LogRecord(offset, 0, None, [], None, body))
    partition = writer.close(0, len(bodies) if end is None else end)
    return Manifest(schemas=[], unknown_schema_ids=[], topics={PLACE.topic: {0: partition}})


def test_an_archive_is_checked_file_by_file(tmp_path):
    archive = archived(tmp_path, [b"a", b"b", b"c"])
    check_files(tmp_path, archive)
    manifest.written(tmp_path, archive)
    assert manifest.read(tmp_path) == archive
    path = tmp_path / "iot_stream" / "0" / f"{2:020d}.avro"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(ArchiveError, match="is damaged"):
        check_files(tmp_path, archive)
    path.unlink()
    with pytest.raises(ArchiveError, match="is missing"):
        check_files(tmp_path, archive)


def test_gaps_and_strange_topics_are_refused(tmp_path):
    with pytest.raises(ArchiveError, match=r"without a record.*iot_stream/0 \(2\)"):
        check_files(tmp_path, archived(tmp_path, [b"a"], end=3))
    strange = Manifest(schemas=[], unknown_schema_ids=[], topics={"mine": {}})
    with pytest.raises(ArchiveError, match=r"does not know \(mine\)"):
        check_files(tmp_path, strange)


def test_a_segment_that_is_listed_twice_is_noticed(tmp_path):
    archive = archived(tmp_path, [b"a", b"b", b"c"])
    found = archive.topics["iot_stream"][0]
    found.segments.insert(0, found.segments[0])
    with pytest.raises(ArchiveError, match="has offset 0 where 2 comes"):
        list(partitions.records(tmp_path, archive, PLACE))


@pytest.mark.parametrize("content", [None, "{}", "no JSON", '{"format": "fedlog-archive", "format_version": 2}'])
def test_what_is_no_manifest_says_so(tmp_path, content):
    if content is not None:
        (tmp_path / manifest.NAME).write_text(content)
    with pytest.raises(ArchiveError, match=r"manifest\.json.*: (name|import)"):
        manifest.read(tmp_path)


@pytest.mark.parametrize("file", ["../../secret.avro", "1.avro", "00000000000000000000.avro/x"])
def test_a_manifest_names_no_file_elsewhere(tmp_path, file):
    text = archived(tmp_path, [b"a"]).model_dump_json().replace(f"{0:020d}.avro", file)
    (tmp_path / manifest.NAME).write_text(text)
    with pytest.raises(ArchiveError, match="is not what this version"):
        manifest.read(tmp_path)


@pytest.mark.parametrize(
    ("topic", "low", "high", "fine"),
    [
        ("iot_stream", 0, 0, True),
        ("iot_stream", 5, 9, True),
        ("iot_stream", 0, 10, False),
        ("iot_stream", 6, 9, False),
        ("window_parts", 6, 9, True),  # its records are gone after a day
    ],
)
def test_only_what_an_import_may_have_begun_is_gone_on_with(topic, low, high, fine):
    partition = Partition(first=5, end=9, records=4, segments=[])
    if fine:
        check_bounds(Place(topic, 0), partition, low, high)
    else:
        with pytest.raises(ArchiveError, match="import into an empty log"):
            check_bounds(Place(topic, 0), partition, low, high)


WRITES = [Write(n, b"k", b"v", [("h", None)]) for n in range(3)]
OTHERS = [
    WRITES[:2],
    [*WRITES[:2], None],
    *([*WRITES[:2], WRITES[2]._replace(**change)] for change in ({"timestamp": 9}, {"key": None}, {"value": b""})),
    [*WRITES[:2], WRITES[2]._replace(headers=[])],
]


@pytest.mark.parametrize("there", OTHERS)
def test_a_prefix_is_compared_record_by_record(monkeypatch, there):
    monkeypatch.setattr(checking, "_as_written", lambda messages, _: messages)
    check_prefix(SimpleNamespace(read=lambda _: WRITES), PLACE, 0, 3, iter(WRITES))
    with pytest.raises(ArchiveError, match="nothing has been written"):
        check_prefix(SimpleNamespace(read=lambda _: there), PLACE, 0, 3, iter(WRITES))


def test_a_retraining_goes_along_and_what_is_somebody_elses_does_not(monkeypatch):
    strange = ("letters", "robust.iot_stream", "__consumer_offsets", "app-__leader", "kafkasql-journal")
    present = {name: [0, 1] for name in (*strange, *TOPICS, "robust.predictions", "robust.local_updates")}
    monkeypatch.setattr(export, "partitions_of", lambda admin: present)
    topics = [place.topic for place in export._places(None)]
    assert set(topics) == {*TOPICS, "robust.predictions", "robust.local_updates"}
    assert len(topics) == 2 * len(set(topics))
    assert max(map(topics.index, ("robust.predictions", "robust.local_updates"))) < topics.index("local_updates")
    assert topics[-2:] == ["iot_stream"] * 2
    monkeypatch.setattr(export, "AdminClient", lambda config: None)
    assert export.left_out(SimpleNamespace(bootstrap="")) == ["letters", "robust.iot_stream"]


def test_a_value_of_a_retraining_names_the_originals_schema():
    client = Registry(**{"a-value": [READING], "predictions-value": []})
    client.subjects["predictions-value"] = client.subjects["a-value"]
    assert WrittenWith(client).split("robust.predictions", framed(1))[0].subject == "predictions-value"


@pytest.mark.parametrize(("topic", "known"), [("robust.predictions", True), ("robust.iot_stream", False), ("x", False)])
def test_topics_that_are_nobodys_are_refused(tmp_path, topic, known):
    archive = Manifest(schemas=[], unknown_schema_ids=[], topics={topic: {}})
    with nullcontext() if known else pytest.raises(ArchiveError, match=f"does not know \\({topic}\\)"):
        check_files(tmp_path, archive)
