"""Views that know how much of the log they hold: restored, shown as they were, held against a replay, mended."""

import json
import urllib.request
from uuid import uuid4

import pytest
from confluent_kafka.admin import AdminClient, NewTopic
from safetensors.numpy import load_file

from mongo_sink.positions import COLLECTION
from schemas.codec import Codec
from schemas.topics import TOPICS
from tests.integration.sinks import (
    BEGIN,
    HALF_HOUR,
    Sink,
    finish,
    global_model,
    prediction,
    reading,
    update,
)

pytestmark = [pytest.mark.integration, pytest.mark.long]


def test_a_database_from_a_backup_gets_what_it_lacks(sink, writer):
    writer.write(reading(f"{sink.tag}-{n % 5}", n) for n in range(300))
    sink.catch_up()
    backup = {name: list(sink.database[name].find()) for name in ("sensor_readings", COLLECTION)}
    assert len(backup["sensor_readings"]) == 300
    writer.write(reading(f"{sink.tag}-{n % 5}", n) for n in range(300, 500))
    sink.catch_up()
    whole = sink.digests()
    assert sink.database.sensor_readings.count_documents({}) == 500

    sink.database.client.drop_database(sink.database.name)
    for name, documents in backup.items():
        sink.database[name].insert_many(documents)
    output = sink.catch_up(behind=sink.unheld)
    assert sink.digests() == whole, output

    sink.database.client.drop_database(sink.database.name)
    sink.catch_up(behind=sink.unheld)
    assert sink.digests() == whole


def test_a_view_of_another_log_is_refused_in_a_sentence(sink, writer):
    writer.write([reading(f"{sink.tag}-a", 0)])
    sink.catch_up()
    held = sink.database[COLLECTION].find_one({"topic": "iot_stream"})
    sink.database[COLLECTION].update_one({"_id": held["_id"]}, {"$set": {"offset": 1_000_000}})
    code, output = finish(sink.start(), 60)
    assert code == 2
    place = f"iot_stream/{held['partition']}"
    assert f"the view holds {place} up to 1000000, and the log ends at" in output.splitlines()[-1]


def test_a_view_of_another_log_is_refused_though_its_offsets_fit(sink, writer, log):
    writer.write(reading(f"{sink.tag}-a", n) for n in range(20))
    cluster = AdminClient({"bootstrap.servers": log.bootstrap}).list_topics(timeout=10).cluster_id
    readings = {"_id": f"{sink.tag}-sensor-readings"}
    sink.catch_up()
    assert sink.database[COLLECTION].find_one(readings)["log"] == cluster
    assert (sink.models / "log.txt").read_text().strip() == cluster
    writer.write(reading(f"{sink.tag}-a", n) for n in range(20, 40))

    sink.database[COLLECTION].update_one(readings, {"$set": {"log": "another"}})
    for command, refused in ("run", 2), ("verify", 1), ("redrive", 1):
        code, output = finish(sink.start(command), 120)
        assert code == refused, output
        assert f"{sink.tag}-sensor-readings: the view is of the log of Kafka cluster another, and this" in output
    assert sink.database.sensor_readings.count_documents({}) == 20
    code, output = finish(sink.start("replay", "--view", f"{sink.tag}-sensor-readings"))
    assert code == 0, output
    assert sink.database[COLLECTION].find_one(readings)["log"] == cluster
    assert sink.database.sensor_readings.count_documents({}) == 40

    sink.database[COLLECTION].delete_many({"log": cluster})  # as they were before this was kept
    (sink.models / "log.txt").unlink()

    def unsaid():
        folders = (sink.models / "log.txt").exists() and (sink.models / "log.txt").read_text().strip() == cluster
        return len(sink.topics) - sink.database[COLLECTION].count_documents({"log": cluster}) - folders

    assert unsaid() == len(sink.topics)
    sink.catch_up(behind=unsaid)


def test_the_state_as_it_was(sink, writer):
    a, b = f"{sink.tag}-a", f"{sink.tag}-b"
    writer.write(reading(device, minute * 60) for minute in range(180) for device in (a, b))
    writer.write(update(device, n)._replace(event_time=BEGIN + n * HALF_HOUR) for n in range(1, 7) for device in (a, b))
    writer.write(
        global_model("fleet", n)._replace(window_start=BEGIN + (n - 1) * HALF_HOUR, window_end=BEGIN + n * HALF_HOUR)
        for n in range(1, 7)
    )
    for scored in (False, True):
        writer.write(prediction(a, n, scored=scored) for n in range(6))
    sink.catch_up()
    now = sink.digests()

    def state(as_of, name):
        name = f"{sink.database.name}_{name}"
        code, output = finish(sink.start("replay", "--into", name, "--as-of", as_of, "--no-digest"))
        assert code == 0, output
        database = sink.database.client[name]
        found = {
            "readings": max(row["position"] for row in database.sensor_readings.find()) // 60,
            "updates": {row["_id"]: row["sequence"] for row in database.local_models.find()},
            "versions": sorted(row["_id"] for row in database.global_model.find()),
            "made": database.predictions.count_documents({}),
            "scored": sum(row["actual"] is not None for row in database.predictions.find()),
            "file": load_file(sink.models / name / f"local/{a}.safetensors")["kernel"].max(),
            "held": database[COLLECTION].count_documents({}),
        }
        sink.database.client.drop_database(name)
        return found

    # To the end of the second window, an hour: forecasts made at 0, 30 and 60 minutes, of which two have come true.
    hour = {"readings": 60, "updates": {a: 2, b: 2}, "versions": [1, 2], "made": 3, "scored": 2, "file": 2, "held": 0}
    assert state("2", "v2") == hour
    assert state("2004-02-29T01:00", "hour") == hour
    later = state("2004-02-29T01:01:30+00:00", "later")
    assert later == hour | {"readings": 61}
    last = next(row["_log"] for row in sink.database.sensor_readings.find({"device_id": a, "position": 119 * 60}))
    at = state("iot_stream/{partition}/{offset}".format(**last), "place")
    assert at == hour | {
        "readings": 119,
        "updates": {a: 3, b: 3},
        "versions": [1, 2, 3],
        "made": 4,
        "scored": 3,
        "file": 3,
    }
    assert sink.digests() == now

    for wrong, said in {
        "99": "version 99 is not on the log: the newest is 6",
        "iot_stream/0/999999": "iot_stream/0/999999 is not on the log",
        "yesterday": "'yesterday' is no version",
    }.items():
        code, output = finish(sink.start("replay", "--into", f"{sink.database.name}_x", "--as-of", wrong))
        assert code == 1
        assert said in output
    code, output = finish(sink.start("replay", "--into", sink.database.name))
    assert code == 1
    assert "choose another" in output


def test_verification_names_the_first_document_that_is_another(sink, writer):
    devices = [f"{sink.tag}-{n}" for n in range(3)]
    writer.write(reading(devices[n % 3], n) for n in range(100))
    writer.write(update(device, n) for n in (1, 2) for device in devices)
    writer.write(global_model(sink.tag, n) for n in (1, 2))
    sink.catch_up()
    writer.write(reading(devices[n % 3], n) for n in range(100, 120))  # not in the view yet, and not asked for
    code, output = finish(sink.start("verify"))
    assert code == 0, output
    assert "sensor_readings 100" in output
    assert output.count(" equal") == len(sink.digests())

    row = sink.database.sensor_readings.find_one({"position": 50})
    ahead = {**row, "_id": "ahead", "_log": {**row["_log"], "offset": 10**6}}  # as of a sink killed before it noted it
    sink.database.sensor_readings.insert_one(ahead)
    code, output = finish(sink.start("verify"))
    assert code == 0, output
    assert " equal; 1 ahead of the view's positions, ahead the first: the sink was ended before" in output
    sink.database.sensor_readings.update_one({"_id": row["_id"]}, {"$set": {"temperature": 99.0}})
    (sink.models / f"local/{devices[1]}.safetensors").unlink()
    code, output = finish(sink.start("verify"))
    assert code == 1
    assert f"differs from a replay at {row['_id']}" in output
    assert f"differs from a replay at local/{devices[1]}.safetensors" in output
    assert f"{sink.database.name}_verify" not in [
        name
        for name in sink.database.client.list_database_names()
        if sink.database.client[name].sensor_readings.count_documents({})
    ]


def test_a_letter_is_driven_again_once_its_schema_is_there(sink, writer, log):
    def register(subject, schema):
        request = urllib.request.Request(  # noqa: S310
            f"{log.registry}/subjects/{subject}/versions",
            json.dumps({"schema": json.dumps(schema)}).encode(),
            {"Content-Type": "application/vnd.schemaregistry.v1+json"},
        )
        with urllib.request.urlopen(request) as answer:  # noqa: S310
            return json.load(answer)["id"]

    newest = register(f"{sink.tag}-one", {"type": "record", "name": f"r{sink.tag}", "fields": []})
    event = reading(f"{sink.tag}-late", 7)
    body = Codec(log.registry).encode(event).value[5:]
    framed = b"\0" + (newest + 1).to_bytes(4) + body
    partition, offset = writer.write_bytes("iot_stream", framed, event.device_id.encode())
    bad = writer.write_bytes("iot_stream", b"no event")
    sink.catch_up()
    assert sink.database.sensor_readings.count_documents({}) == 0
    assert sink.database.dead_letters.count_documents({}) == 2

    schema = {**TOPICS["iot_stream"].schema, "doc": f"for {sink.tag}"}
    assert register(f"{sink.tag}-two", schema) == newest + 1
    letter = f"mongo_sink/iot_stream/{partition}/{offset}"
    for _ in range(2):  # again does nothing
        code, output = finish(sink.start("redrive", "--letter", letter))
        assert code == 0, output
        assert f"{letter} {sink.tag}-sensor-readings: accepted" in output
    (row,) = sink.database.sensor_readings.find()
    assert (row["_id"], row["device_id"], row["position"]) == (f"iot_stream#{partition}#{offset}", event.device_id, 7)
    code, output = finish(sink.start("redrive", "--letter", f"{letter}9"))
    assert code == 1
    assert f"Error: '{letter}9' is no letter of the sink whose record a connector reads" in output.splitlines()
    code, output = finish(sink.start("redrive", "--topic", "iot_stream"))
    assert code == 1
    assert "mongo_sink/iot_stream/{}/{} ".format(*bad) in output
    assert "1 accepted, 1 refused again" in output
    assert sink.behind("dead_letters") == 0  # and no letter was written anew


def test_letters_go_to_a_topic_that_is_there_and_come_from_it_again(log, mongo, writer, tmp_path):
    queue = f"letters-{uuid4().hex[:8]}"
    sink = Sink(log, mongo, tmp_path, **{"errors.deadletterqueue.topic.name": queue})
    partition, offset = writer.write_bytes("iot_stream", b"no event")
    code, output = finish(sink.start(), 60)
    assert code == 2
    assert f"errors.deadletterqueue.topic.name is '{queue}', and there is no such topic: create it" in output

    admin = AdminClient({"bootstrap.servers": log.bootstrap})
    admin.create_topics([NewTopic(queue, 1, 1)])[queue].result()
    sink.catch_up()
    letter = f"mongo_sink/iot_stream/{partition}/{offset}"
    code, output = finish(sink.start("redrive", "--letter", letter))
    assert code == 1
    assert f"{letter} {sink.tag}-sensor-readings: NotAvroError: " in output
    assert sink.database.dead_letters.count_documents({}) == 0  # which are those of the project's topic
    admin.delete_topics([queue])[queue].result()
    sink.database.client.drop_database(sink.database.name)
