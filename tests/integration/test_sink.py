"""The sink as a process against a real log and a real document store: killed, replayed, told to stop, left alone."""

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from pymongo import MongoClient
from safetensors.numpy import load_file, save

from mongo_sink.config import CONNECTORS
from mongo_sink.model_files import read_metadata
from schemas.codec import Codec
from schemas.events import Contribution, GlobalModel, HorizonError, LocalUpdate, Measurements, Prediction, Reading
from schemas.topics import TOPICS

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[2]
BEGIN = 1_078_012_800_000  # 2004-02-29
HALF_HOUR = 1_800_000
ROOM = Measurements(20.5, 40.25, None, 2.75)
ERRORS = (HorizonError("temperature", HALF_HOUR, 12, 0.25, 0.5),)
READINGS = 20_000
DEVICES = 8


class Log:
    """Writes events, and bytes that are none, and knows where they came to lie."""

    def __init__(self, log):
        self._codec = Codec(log.registry)
        self._producer = Producer({"bootstrap.servers": log.bootstrap, "linger.ms": 20})

    def write(self, events):
        for event in events:
            record = self._codec.encode(event)
            self._producer.produce(
                record.topic, record.value, record.key, headers=record.headers, timestamp=record.timestamp
            )
            self._producer.poll(0)
        assert self._producer.flush(60) == 0

    def write_bytes(self, topic, value):
        places = []
        self._producer.produce(
            topic, value, b"key", on_delivery=lambda _, m: places.append((m.partition(), m.offset()))
        )
        assert self._producer.flush(60) == 0
        return places[0]


class Sink:
    """The project's connectors under names of their own, run by the command line."""

    def __init__(self, log, mongo, folder):
        self.tag = f"t{uuid4().hex[:8]}"
        self._log, self._mongo = log, mongo
        self.models = folder / "models"
        self._config = folder / "connectors"
        self._config.mkdir()
        self.topics = {}
        for path in CONNECTORS.glob("*.json"):
            properties = json.loads(path.read_text())
            properties["name"] = f"{self.tag}-{properties['name']}"
            (self._config / path.name).write_text(json.dumps(properties))
            self.topics[f"sink-{properties['name']}"] = properties["topics"].split(",")
        self.database = MongoClient(mongo, tz_aware=True)[f"sink_{self.tag}"]

    def start(self, command="run", *more, mongo=None):
        servers = () if command == "digest" else ("--bootstrap", self._log.bootstrap, "--registry", self._log.registry)
        views = ("--mongo", mongo or self._mongo, "--database", self.database.name, "--models", str(self.models))
        options = (*servers, *views, "--config-dir", str(self._config), *more)
        return subprocess.Popen(
            [sys.executable, "-X", "faulthandler", "-m", "mongo_sink", command, *options],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def behind(self, only=""):
        """How many records the groups have not committed yet."""
        total = 0
        for group, topics in self.topics.items():
            consumer = Consumer({"bootstrap.servers": self._log.bootstrap, "group.id": group})
            places = [TopicPartition(topic, p) for topic in topics for p in range(TOPICS[topic].partitions)]
            for place in consumer.committed(places, 30):
                _, end = consumer.get_watermark_offsets(TopicPartition(place.topic, place.partition), 30)
                total += end - max(place.offset, 0) if place.topic.startswith(only) else 0
            consumer.close()
        return total

    def runs(self):
        """Whether every group has a member."""
        admin = AdminClient({"bootstrap.servers": self._log.bootstrap})
        described = admin.describe_consumer_groups(list(self.topics))
        return all(group.result(30).members for group in described.values())

    def catch_up(self):
        """Run until all is committed, then stop."""
        process = self.start()
        until(lambda: self.behind() == 0, process)
        process.terminate()
        code, output = finish(process)
        assert code == 0, output
        return output

    def digests(self):
        code, output = finish(self.start("digest"))
        assert code == 0, output
        return output.splitlines()


def until(condition, process, timeout=300):
    deadline = time.monotonic() + timeout
    while not condition():
        assert process.poll() is None, process.communicate()[0]
        if time.monotonic() > deadline:
            process.send_signal(signal.SIGABRT)
            pytest.fail(f"not within {timeout} s:\n{process.communicate()[0]}")
        time.sleep(0.2)


def finish(process, timeout=300):
    try:
        output, _ = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGABRT)  # says where it hangs
        pytest.fail(f"not finished within {timeout} s:\n{process.communicate()[0]}")
    return process.returncode, output


def weights(value):
    return save({"kernel": np.full((4, 3), value, np.float32)})


def reading(device, position):
    moment = BEGIN + position * 1000
    return Reading(device, moment, position, 20.5, None, 100.0, 2.7, "test", 0, position)


def update(device, sequence):
    return LocalUpdate(
        f"{device}/{sequence}", device, sequence, BEGIN, 0, None, "abc", weights(sequence), 10, 0, 0, 9, ERRORS, "test"
    )


def global_model(name, version):
    contribution = Contribution(f"{name}/1", name, 0, 0, BEGIN, 0, 0, 10, 1.0, "accepted")
    return GlobalModel(
        model=name,
        version=version,
        parent_version=version - 1,
        window_start=BEGIN,
        window_end=BEGIN + HALF_HOUR,
        strategy="fedavg",
        strategy_parameters={},
        architecture="abc",
        weights=weights(version),
        contributions=(contribution,),
        example_count=10,
        errors=ERRORS,
        promotion="promoted",
        resume_offsets={"0": 1},
        dataset="test",
    )


def prediction(device, number, *, scored, score=1.0):
    made = BEGIN + number * HALF_HOUR
    plain = Prediction(
        prediction_id=f"local/{device}/30/{made}",
        source="local",
        device_id=device,
        model_version=0,
        made_at=made,
        target_at=made + HALF_HOUR,
        horizon_ms=HALF_HOUR,
        forecast=ROOM,
        persistence=ROOM,
        actual=None,
        error=None,
        anomaly_score=None,
        anomaly=None,
        reading_partition=0,
        reading_offset=number,
        dataset="test",
    )
    return plain._replace(actual=ROOM, error=ROOM, anomaly_score=score, anomaly=False) if scored else plain


@pytest.fixture
def sink(log, mongo, tmp_path):
    made = Sink(log, mongo, tmp_path)
    yield made
    made.database.client.drop_database(made.database.name)


@pytest.fixture
def writer(log):
    return Log(log)


def test_killed_again_and_again_every_document_is_there_once_and_a_replay_gives_the_same(sink, writer):
    devices = [f"{sink.tag}-{number}" for number in range(DEVICES)]
    versions = range(int(sink.tag[1:], 16), int(sink.tag[1:], 16) + 3)
    writer.write(reading(devices[position % DEVICES], position) for position in range(READINGS // 2))
    mirrored = {topic for topics in sink.topics.values() for topic in topics}
    assert mirrored == TOPICS.keys() - {"window_plans", "window_parts"}
    bad = {topic: writer.write_bytes(topic, b"\0\xff\xff\xff\xffbad " + sink.tag.encode()) for topic in mirrored}
    writer.write(reading(devices[position % DEVICES], position) for position in range(READINGS // 2, READINGS))
    writer.write(update(device, sequence) for sequence in (1, 2, 3) for device in devices)
    writer.write(global_model(sink.tag, version) for version in [*versions, *versions])
    # Each form of a forecast twice, the second scored one with another score; every fifth is never scored.
    for scored, score in [(False, 0.0), (True, 1.0), (False, 0.0), (True, 2.0)]:
        writer.write(
            prediction(device, number, scored=scored, score=score)
            for number in range(100)
            for device in devices
            if not scored or number % 5
        )
    mine, readings = {"device_id": {"$in": devices}}, sink.database.sensor_readings

    chance = random.Random(20040229)
    for goal in sorted(chance.sample(range(1, sink.behind("iot_stream")), 3)):
        process = sink.start()
        until(lambda goal=goal: readings.estimated_document_count() >= goal or sink.behind() == 0, process)
        process.kill()
        code, output = finish(process)
        assert code == -signal.SIGKILL, output
    output = sink.catch_up()

    found = list(readings.find(mine))
    assert sorted(each["position"] for each in found) == list(range(READINGS))
    assert all(each["_id"] == "{topic}#{partition}#{offset}".format(**each["_log"]) for each in found)
    states = list(sink.database.local_models.find(mine))
    assert sorted((each["_id"], each["sequence"]) for each in states) == [(device, 3) for device in devices]
    assert sorted(each["_id"] for each in sink.database.global_model.find({"model": sink.tag})) == list(versions)
    forecasts = list(sink.database.predictions.find(mine))
    assert len(forecasts) == 100 * DEVICES
    assert {each["anomaly_score"] for each in forecasts} == {None, 1.0}
    assert sum(each["actual"] is None for each in forecasts) == 20 * DEVICES
    for topic, (partition, offset) in bad.items():
        letters = list(sink.database.dead_letters.find({"origin_topic": topic, "origin_offset": offset}))
        letters = [each for each in letters if each["origin_partition"] == partition]
        if topic == "dead_letters":
            assert letters == []
            continue
        assert [each["_id"] for each in letters] == [f"mongo_sink/{topic}/{partition}/{offset}"]
        assert letters[0]["original"].endswith(sink.tag.encode())
        assert letters[0]["error_class"] == "UnknownSchemaError"
    for device in devices:
        path = sink.models / f"local/{device}.safetensors"
        assert read_metadata(path)["sequence"] == "3"
        assert load_file(path)["kernel"].max() == 3
    assert all((sink.models / f"global/v{version:06d}.safetensors").exists() for version in versions)

    live = sink.digests()
    code, output = finish(sink.start("replay"))
    assert code == 0, output
    assert output.splitlines()[-len(live) :] == live
    assert sink.behind() == 0  # nor has it written letters again

    (sink.models / f"local/{devices[0]}.safetensors").unlink()
    code, output = finish(sink.start("replay", "--view", "models"))
    assert code == 0, output
    assert sink.digests() == live


def test_an_older_update_after_a_newer_one_replaces_nothing(sink, writer):
    device = f"{sink.tag}-late"
    for sequence in (5, 4):
        writer.write([update(device, sequence)])
        sink.catch_up()
        assert sink.database.local_models.find_one({"_id": device})["sequence"] == 5
        assert read_metadata(sink.models / f"local/{device}.safetensors")["sequence"] == "5"


def test_a_replay_refuses_to_work_beside_a_running_sink(sink):
    process = sink.start()
    until(sink.runs, process)
    code, output = finish(sink.start("replay"))
    assert code == 1
    assert "stop the sink first" in output
    process.terminate()
    assert finish(process)[0] == 0


def test_told_to_stop_while_mongodb_is_away_it_commits_nothing(sink, writer):
    writer.write([reading(f"{sink.tag}-waits", 0)])
    process = sink.start(mongo="mongodb://127.0.0.1:9")
    lines = []
    while "waiting for MongoDB" not in "".join(lines):
        lines.append(process.stdout.readline())
        assert lines[-1], lines
    process.terminate()
    code, output = finish(process, 30)
    assert code == 0, output
    assert "the batch is not committed and will be read again" in output
    sink.catch_up()
    assert sink.database.sensor_readings.find_one({"device_id": f"{sink.tag}-waits"})["position"] == 0
