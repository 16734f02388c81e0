"""MongoDB's own Kafka connector as the judge of our sink: the same properties, the same topics, the same documents."""

import json
import math
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import pytest
from bson import Int64, ObjectId
from confluent_kafka import Producer
from pymongo import MongoClient

from benchmarks.sink.kafka_connect import connecting
from benchmarks.sink.lag import behind, catch_up
from infra.standalone import end
from schemas.codec import Codec
from schemas.events import Decision, Evaluation, Measurements, PairedError
from schemas.wire import WATERMARK
from tests import mongo_servers
from tests.integration.conftest import emptied
from tests.integration.connector_cases import CASES, EMPTIED, TOPICS, properties
from tests.unit.mongo_sink.sink_events import ERRORS, HALF_HOUR, NOON, global_model, prediction, reading, update

pytestmark = [pytest.mark.integration, pytest.mark.long]
ROOT = Path(__file__).parents[2]
DEVICES = ("mote-07", "mote-ü/传感器 7", "🌡", "7", " ")
NOT_A_NUMBER = 987_654_321  # position of the reading that ours refuses
NAMES = {whose: mongo_servers.database(whose) for whose in ("official", "ours")}
UUIDS = ("7F9C24E8-3B12-4FEF-91E0-5F2C6A4D1B30", "0f8fad5bd9cb469fa16570867728950e")
"""Names of data sets, in both of the forms that a strategy makes an ``_id`` of."""


def events():
    for position in range(200):
        plain = reading(DEVICES[position % len(DEVICES)], position)
        yield plain._replace(
            event_time=NOON + position, epoch=position % 3 or None, light=None if position % 7 else -0.0
        )
    extremes = {"epoch": 2**53 + 1, "temperature": 5e-324, "humidity": 1e300, "voltage": -0.1, "lap": 2**31 - 1}
    yield reading("extreme", 2**63 - 1)._replace(event_time=NOON * 3, **extremes)
    yield reading("not a number", NOT_A_NUMBER)._replace(temperature=math.nan)
    for number, name in enumerate(UUIDS, 1):
        plain = (reading("uuid", number), update(number, "uuid"), global_model(10 + number))
        for event in (*plain, prediction(f"local/uuid/30/{number}", scored=True)):
            yield event._replace(dataset=name)
    judged = (Evaluation(3, 2, (PairedError("light", HALF_HOUR, 1, 0.5, 0.25, 1.0),)), Evaluation(4, 2, ()))
    for sequence in (1, 2, 3):
        for device in DEVICES:
            yield update(sequence, device, adopted_at=NOON if sequence > 1 else None)
    yield update(2**40, "evaluator", evaluations=judged, errors=(*ERRORS, *ERRORS), weights=b"")
    for version in (1, 2, 3, 3):
        yield global_model(version, version)
    yield global_model(2**40)._replace(
        contributions=(), candidates=(4, 5), decisions=(Decision(4, "promoted", "policy", "ü"),), notes={"ε": 0.1}
    )
    for scored, score in ((False, 0.0), (True, 1.5), (False, 0.0), (True, 2.5)):
        for number in range(30):
            plain = prediction(
                f"local/{DEVICES[number % 5]}/30/{number}", scored=scored and number % 4 > 0, score=score
            )
            network = Measurements(float(number), None, None, None) if number % 2 else None
            yield plain._replace(device_id=DEVICES[number % 5], network=network, fault="temperature drift")


def write(log):
    codec = Codec(log.registry)
    producer = Producer({"bootstrap.servers": log.bootstrap, "linger.ms": 20})
    for event in events():
        record = codec.encode(event)
        producer.produce(record.topic, record.value, record.key, headers=record.headers, timestamp=record.timestamp)
    # A mark of a watermark, as Flink writes it: without a key. There it is a tombstone of a document that there is not.
    producer.produce("local_updates", None, headers={WATERMARK: str(NOON).encode()}, timestamp=NOON)
    producer.produce("predictions", None, DEVICES[1].encode())
    producer.produce("predictions", b"\0\xff\xff\xff\xffno schema", b"key")
    producer.produce("iot_stream", b"no Avro", b"key")
    assert producer.flush(60) == 0


def seeds():
    """What was there before, by key and by business key: of devices with updates, and of one without."""
    return [
        {"_id": {"key": device}, "device_id": device, "sequence": Int64(1), "seed": True}
        for device in (*DEVICES, "stays")
    ]


@pytest.fixture(scope="module")
def databases(log_servers, mongo, tmp_path_factory):
    """What both have written, by case, in the official connector's database and in ours."""
    folder = tmp_path_factory.mktemp("connectors")
    client = MongoClient(mongo, tz_aware=True)
    log = emptied(log_servers)
    write(log)
    for whose in NAMES:
        (folder / whose).mkdir()
    for name, case in CASES.items():
        told = properties(name, mongo, NAMES["official"])
        for whose, database in NAMES.items():
            (folder / whose / f"{name}.json").write_text(json.dumps(told))
            if case.seeded:
                client[database][f"{name}.local_updates"].insert_many(seeds())
    run_ours(log, folder / "ours")
    with connecting(log_servers, sorted((folder / "official").iterdir()), folder / "connect") as connect:
        catch_up(connect, log.bootstrap)
    yield client[NAMES["official"]], client[NAMES["ours"]]
    for name in NAMES.values():
        client.drop_database(name)
    client.close()


def run_ours(log, folder):
    argv = [sys.executable, "-m", "mongo_sink", "run", "--bootstrap", log.bootstrap, "--registry", log.registry]
    argv += ["--database", NAMES["ours"], "--config-dir", str(folder)]
    with (folder.parent / "ours.log").open("w+") as out:
        process = subprocess.Popen(argv, cwd=ROOT, stdout=out, stderr=out)
        try:
            deadline = time.monotonic() + 240
            while any(behind(log.bootstrap, f"sink-{path.stem}", TOPICS) for path in folder.iterdir()):
                assert process.poll() is None, Path(out.name).read_text()
                assert time.monotonic() < deadline, Path(out.name).read_text()
                time.sleep(0.3)
        finally:
            end([process])


def comparable(value):
    """Documents as lists of pairs, for their order is to be the same too."""
    if isinstance(value, dict):
        return [(name, comparable(field)) for name, field in value.items()]
    if isinstance(value, list):
        return [comparable(item) for item in value]
    return type(value).__name__, repr(value)


def told(case, document):
    """What of a document is the same in two runs."""
    if case.own_ids:
        assert isinstance(document.pop("_id"), ObjectId)
    if case.stamped:
        modified, inserted = document.pop("_modifiedTS"), document.pop("_insertedTS")
        assert isinstance(inserted, datetime)
        assert inserted <= modified
    return document


def documents(case, collection):
    found = [told(case, document) for document in collection.find()]
    return sorted((comparable(document) for document in found), key=repr)


@pytest.mark.parametrize("topic", TOPICS)
@pytest.mark.parametrize("name", CASES)
def test_the_documents_are_those_of_the_official_connector(databases, name, topic):
    case = CASES[name]
    official, ours = (database[f"{name}.{topic}"] for database in databases)
    expected = [each for each in documents(case, official) if ("position", comparable(Int64(NOT_A_NUMBER))) not in each]
    found = [[pair for pair in each if pair[0] != "_log"] for each in documents(case, ours)]
    assert found == expected
    assert found or (name, topic) in EMPTIED


def test_what_is_not_the_same(databases):
    official, ours = databases
    official, ours = official["place.iot_stream"], ours["place.iot_stream"]
    # A reading that is not finite is a document there, and no event here.
    assert math.isnan(official.find_one({"position": NOT_A_NUMBER})["temperature"])
    assert ours.find_one({"position": NOT_A_NUMBER}) is None
