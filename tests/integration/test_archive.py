"""A log as a folder, and another log from it: every record at its offset, through kills, damage and strangers."""

import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from io import BytesIO

import fastavro
import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient

from infra import contracts
from infra.archive import manifest
from infra.archive.export import export
from infra.archive.load import load
from infra.archive.reading import LogReader, bounds
from infra.archive.records import ArchiveError, Place
from infra.archive.writing import Stream, Write, write
from infra.retraining.names import DERIVED
from infra.settings import ROOT
from infra.standalone import isolated, serving
from schemas.codec import Codec, UndecodableRecord, plain
from schemas.events import Reading
from schemas.topics import PASSING, TOPICS
from tests.integration.conftest import emptied
from tests.unit.schemas.samples import NOON, SAMPLES

pytestmark = pytest.mark.integration
OLDER = (ROOT / "tests/unit/schemas/published/predictions.v3.avsc").read_text("utf-8")
STRANGER = '{"type": "record", "name": "Stranger", "fields": [{"name": "word", "type": "string"}]}'
READINGS = 16_000
LARGE = bytes(3 * 2**20)
RETRAINED = [f"archived.{name}" for name in DERIVED]
PLACES = [Place(name, partition) for name in (*TOPICS, *RETRAINED) for partition in range(4)]
UNKNOWN = b"\0\x7f\xff\xff\xff" + b"what"


def fill(settings):
    """Events of every kind, bytes that are none, marks, versions that take turns, and a topic that has forgotten."""
    codec, client = Codec(settings.registry), SchemaRegistryClient({"url": settings.registry})
    old = client.register_schema("predictions-value", Schema(OLDER, "AVRO")).to_bytes(4)
    stranger = client.register_schema("stranger-value", Schema(STRANGER, "AVRO")).to_bytes(4)
    producer = Producer({"bootstrap.servers": settings.bootstrap, "linger.ms": 20, "message.max.bytes": 2**24})

    def put(topic, value, key=b"k", headers=(), timestamp=NOON, partition=0):
        producer.produce(topic, value, key, partition, headers=list(headers), timestamp=timestamp)
        producer.poll(0)

    admin = AdminClient({"bootstrap.servers": settings.bootstrap})
    contracts.create(settings, {f"archived.{name}": TOPICS[name] for name in DERIVED})
    records = [codec.encode(event) for event in SAMPLES]
    for record in records:
        if record.topic in DERIVED:
            put(f"archived.{record.topic}", record.value, record.key, record.headers, record.timestamp, 1)
    for turn in range(6):
        for record in records:
            put(record.topic, record.value, record.key, record.headers, record.timestamp, turn % 4)
    for event in (event for event in SAMPLES if TOPICS["predictions"].event is type(event)):
        body = BytesIO()
        fastavro.schemaless_writer(body, json.loads(OLDER), plain(event))
        for _ in range(3):
            put("predictions", b"\0" + old + body.getvalue(), event.device_id.encode())
            put("predictions", codec.encode(event).value, event.device_id.encode())
    reading = codec.encode(SAMPLES[0])
    for value in (b"", b"\0", b"garbage", UNKNOWN, reading.value[:-1], reading.value + b"x", reading.value[:5]):
        put("iot_stream", value, None, [("a", b"1"), ("a", None), ("größe", b""), ("a", b"1")])
    put("iot_stream", b"\0" + stranger + b"\4hi", b"")
    put("dead_letters", codec.encode(SAMPLES[4]).value, SAMPLES[4].origin_key, timestamp=2**47)
    for partition in range(4):
        put("local_updates", None, None, [("watermark", b"5")], partition=partition)
    put("global_models", LARGE)
    for number in range(READINGS):
        event = Reading(f"mote-{number % 54:02d}", NOON + number, number, 20.5, None, 100.0, 2.75, "test", 0, number)
        record = codec.encode(event)
        put(record.topic, record.value, record.key, record.headers, record.timestamp, number % 4)
    assert producer.flush(60) == 0
    # The moment that other producers cannot write.
    zero = Write(0, b"k", codec.encode(SAMPLES[4]).value, [])
    place = Place("dead_letters", 3)
    write(settings.bootstrap, [Stream(place, bounds(admin, [place])[place][1], iter([zero]))], lambda _: None)
    for deleted in admin.delete_records(
        [TopicPartition("window_parts", partition, 1) for partition in (0, 2)]
    ).values():
        deleted.result(30)


def ends(settings):
    return bounds(AdminClient({"bootstrap.servers": settings.bootstrap}), PLACES)


def contents(settings):
    """Of each record all that the log has, but for the schema's id, and what its event is."""
    codec = Codec(settings.registry)
    consumer = Consumer({"bootstrap.servers": settings.bootstrap, "group.id": "t", "fetch.wait.max.ms": 10})
    ranges = {place: (first, end) for place, (first, end) in ends(settings).items() if first < end}
    consumer.assign([TopicPartition(*place, first) for place, (first, _) in ranges.items()])
    found = {place: [] for place in ranges}
    left = sum(end - first for first, end in ranges.values())
    while left:
        message = consumer.poll(30)
        assert message is not None
        assert not message.error(), message.error()
        left -= 1
        place = Place(message.topic(), message.partition())
        value = message.value()
        try:
            event = codec.decode(place.topic.removeprefix("archived."), value)
        except UndecodableRecord as error:
            event = type(error)
        known = value and len(value) >= 5 and value[0] == 0 and value != UNKNOWN
        rest = value[5:] if known else value
        when = message.timestamp()[1]
        found[place].append((message.offset(), message.key(), message.headers(), when, rest, event))
    consumer.close()
    assert all(rows[0][0] == ranges[place][0] for place, rows in found.items())
    return found


@pytest.fixture(scope="module")
def source(log_servers):
    emptied(log_servers)
    fill(log_servers)
    yield log_servers
    admin = AdminClient({"bootstrap.servers": log_servers.bootstrap})
    for deleted in admin.delete_topics(RETRAINED).values():
        deleted.result()


@pytest.fixture(scope="module")
def archive(source, tmp_path_factory):
    folder = tmp_path_factory.mktemp("archive") / "log"
    export(source, folder)
    return folder


def infra(settings, *arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "infra", *arguments],
        cwd=ROOT,
        env={**os.environ, **settings.exported()},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_a_folder_is_whole_or_not_there(source, archive, tmp_path, monkeypatch):
    assert not archive.with_name("log.partial").exists()
    with pytest.raises(ArchiveError, match="exists already"):
        export(source, archive)

    def ended(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(LogReader, "read", ended)
        with pytest.raises(KeyboardInterrupt):
            export(source, tmp_path / "log")
    assert not (tmp_path / "log").exists()
    with pytest.raises(ArchiveError, match=r"log\.partial is there.*delete it"):
        export(source, tmp_path / "log")


def test_what_is_left_out_is_named(source, tmp_path):
    admin = AdminClient({"bootstrap.servers": source.bootstrap})
    strange = ["my.letters", "archived.iot_stream"]
    for created in admin.create_topics([NewTopic(name, 1, 1) for name in strange]).values():
        created.result()
    process = infra(source, "export", str(tmp_path / "log"))
    output, _ = process.communicate(timeout=240)
    for deleted in admin.delete_topics(strange).values():
        deleted.result()
    assert process.returncode == 0, output
    assert "Left out, for they are none of Fedlog's: archived.iot_stream, my.letters." in " ".join(output.split())


def test_anybody_reads_it(source, archive):
    found = manifest.read(archive)
    assert {(place, (p.first, p.end)) for place, p in found.partitions()} == set(ends(source).items())
    assert found.gaps() == []
    assert found.unknown_schema_ids == [0, 0x7FFFFFFF]  # 0: the large one's first bytes
    readings = 0
    for path in (archive / "iot_stream").rglob("*.avro"):
        with path.open("rb") as file:
            for row in fastavro.reader(file):
                event = row["value"]
                readings += isinstance(event, dict) and "position" in event
    assert readings == READINGS + 12


def test_another_log_is_made_from_it(source, archive, tmp_path):
    target = isolated(tmp_path / "target")
    with serving(target, "kafka"), serving(target, "registry"):
        admin = AdminClient({"bootstrap.servers": target.bootstrap})
        client = SchemaRegistryClient({"url": target.registry})
        # Ids here are others than those of the source.
        for number in range(3):
            text = json.dumps({"type": "fixed", "name": "Before", "size": number + 1})
            client.register_schema(f"before{number}-value", Schema(text, "AVRO"))

        damaged = tmp_path / "damaged"
        shutil.copytree(archive, damaged)
        path = next((damaged / "predictions").rglob("*.avro"))
        content = bytearray(path.read_bytes())
        content[-20] ^= 1
        path.write_bytes(content)
        with pytest.raises(ArchiveError, match=r"predictions.*is damaged.*copy the archive again"):
            load(target, damaged)
        path.unlink()
        with pytest.raises(ArchiveError, match="is missing"):
            load(target, damaged)

        admin.create_topics([NewTopic("iot_stream", 4, 1)])["iot_stream"].result()
        producer = Producer({"bootstrap.servers": target.bootstrap})
        producer.produce("iot_stream", b"mine", partition=1)
        assert producer.flush(30) == 0
        with pytest.raises(ArchiveError, match="iot_stream/1 has records that are not those of the archive"):
            load(target, archive)
        assert [name for name in admin.list_topics(timeout=10).topics if name in TOPICS] == ["iot_stream"]
        assert sorted(client.get_subjects()) == ["before0-value", "before1-value", "before2-value"]
        admin.delete_topics(["iot_stream"])["iot_stream"].result()

        killed = infra(target, "import", str(archive))
        whole = ends(source)
        reached = 0
        while not reached:
            assert killed.poll() is None, killed.communicate()[0]
            time.sleep(0.01)
            with suppress(KafkaException):  # the topic is not there yet, or nobody leads it
                reached = bounds(admin, [Place("iot_stream", 0)])[Place("iot_stream", 0)][1]
        killed.kill()
        killed.communicate()
        begun = ends(target)
        assert 0 < sum(end for _, end in begun.values()) < sum(end for _, end in whole.values())

        load(target, archive)
        assert ends(target) == whole
        assert contents(target) == contents(source)
        for topic in ("predictions", "stranger"):
            versions = client.get_versions(f"{topic}-value")
            there = SchemaRegistryClient({"url": source.registry})
            assert versions == there.get_versions(f"{topic}-value")
            for version in versions:
                ours, theirs = (c.get_version(f"{topic}-value", version) for c in (client, there))
                assert ours.schema.schema_str == theirs.schema.schema_str
                assert ours.schema_id != theirs.schema_id

        load(target, archive)
        assert ends(target) == whole
        resource = ConfigResource(ResourceType.TOPIC, "window_parts")
        config = admin.describe_configs([resource])[resource].result(30)
        assert {name: config[name].value for name in PASSING} == PASSING

    # The system is down now: the command runs what it needs.
    process = infra(target, "export", str(tmp_path / "again"))
    output, _ = process.communicate(timeout=240)
    assert process.returncode == 0, output
    assert f"records of {len(TOPICS) + len(RETRAINED)} topics" in output
    assert "Left out" not in output
    assert manifest.read(tmp_path / "again") == manifest.read(archive)


def test_a_log_that_goes_on_is_not_written_to(source, archive):
    producer = Producer({"bootstrap.servers": source.bootstrap})
    producer.produce("model_commands", b"later", partition=0)
    assert producer.flush(30) == 0
    before = ends(source)
    process = infra(source, "import", str(archive))
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "model_commands/0 has records that are not those of the archive" in " ".join(output.split())
    assert ends(source) == before


def test_offsets_without_a_record_are_said_and_refused(source, tmp_path):
    producer = Producer({"bootstrap.servers": source.bootstrap, "transactional.id": "t"})
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce("model_commands", b"in a transaction", partition=2)
    producer.commit_transaction(30)
    found = export(source, tmp_path / "log")
    assert found.gaps() == ["model_commands/2 (1)"]
    with pytest.raises(ArchiveError, match=r"model_commands/2 \(1\)"):
        load(source, tmp_path / "log")
