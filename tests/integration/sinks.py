"""The sink as a process for its tests, and events for it to mirror."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from pymongo import MongoClient
from safetensors.numpy import save

from benchmarks.sink.lag import behind
from mongo_sink import positions
from mongo_sink.config import ConnectorConfig
from mongo_sink.connector_files import CONNECTORS
from schemas.codec import Codec
from schemas.events import Contribution, GlobalModel, HorizonError, LocalUpdate, Measurements, Prediction, Reading
from schemas.topics import TOPICS
from tests import mongo_servers

ROOT = Path(__file__).parents[2]
BEGIN = 1_078_012_800_000  # 2004-02-29
HALF_HOUR = 1_800_000
ROOM = Measurements(20.5, 40.25, None, 2.75)
ERRORS = (HorizonError("temperature", HALF_HOUR, 12, 0.25, 0.5),)
EVERY_CONNECTORS = {field.alias or name for name, field in ConnectorConfig.model_fields.items()}


class Writer:
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

    def write_bytes(self, topic, value, key=b"key", timestamp=0):
        places = []
        told = {"timestamp": timestamp, "on_delivery": lambda _, m: places.append((m.partition(), m.offset()))}
        self._producer.produce(topic, value, key, **told)
        assert self._producer.flush(60) == 0
        return places[0]


class Sink:
    """The project's connectors under names of their own, run by the command line.

    ``changes`` are to the properties of those that write to MongoDB, and what is every connector's to those of files.
    """

    def __init__(self, log, mongo, folder, **changes):
        self.tag = f"t{uuid4().hex[:8]}"
        self._log, self._mongo = log, mongo
        self.models = folder / "models"
        self._config = folder / "connectors"
        self._config.mkdir()
        self.topics = {}
        # The letters' last, for ``behind`` asks in this order: the others write some.
        for path in sorted(CONNECTORS.glob("*.json"), key=lambda path: path.stem == "dead_letters"):
            properties = json.loads(path.read_text())
            properties["name"] = f"{self.tag}-{properties['name']}"
            if properties["connector.class"] == "MongoSinkConnector":
                properties |= changes
            else:
                properties |= {name: value for name, value in changes.items() if name in EVERY_CONNECTORS}
            (self._config / path.name).write_text(json.dumps(properties))
            self.topics[f"sink-{properties['name']}"] = properties["topics"].split(",")
        self.database = MongoClient(mongo, tz_aware=True)[mongo_servers.database(self.tag)]

    def start(self, command="run", *more, mongo=None, module=("mongo_sink",), server=0):
        servers = () if command == "digest" else ("--bootstrap", self._log.bootstrap, "--registry", self._log.registry)
        views = ("--mongo", mongo or self._mongo, "--database", self.database.name, "--models", str(self.models))
        options = (*servers, *views, "--config-dir", str(self._config), *more)
        return subprocess.Popen(
            [sys.executable, "-X", "faulthandler", "-m", *module, command, *options],
            cwd=ROOT,
            env={**os.environ, "SERVER_PID": str(server)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def behind(self, only=""):
        """How many records the groups have not committed yet."""
        asked = {group: [name for name in topics if name.startswith(only)] for group, topics in self.topics.items()}
        return sum(behind(self._log.bootstrap, group, topics) for group, topics in asked.items() if topics)

    def runs(self, besides=frozenset()):
        """Whether every group has a member, ``besides`` those of a sink that was killed."""
        return all(members - besides for members in self.members())

    def members(self):
        """Who is in each group; one that was killed is for ten seconds more."""
        admin = AdminClient({"bootstrap.servers": self._log.bootstrap})
        described = admin.describe_consumer_groups(list(self.topics))
        return [{each.member_id for each in group.result(30).members} for group in described.values()]

    def unheld(self):
        """How many records the views say that they do not hold yet."""
        total = 0
        for group, topics in self.topics.items():
            held = self.held(group.removeprefix(f"sink-{self.tag}-"))
            consumer = Consumer({"bootstrap.servers": self._log.bootstrap, "group.id": "unheld"})
            for topic in topics:
                for partition in range(TOPICS[topic].partitions):
                    _, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), 30)
                    total += end - held.get((topic, partition), 0)
            consumer.close()
        return total

    def held(self, connector):
        """Up to where a connector's view says that it holds the log."""
        if connector == "model-files":
            return positions.read(self.models)
        rows = self.database["sink_positions"].find({"connector": f"{self.tag}-{connector}"})
        return {(row["topic"], row["partition"]): row["offset"] for row in rows if "topic" in row}

    def committed(self, connector):
        """Up to where a connector's group has committed."""
        group = f"sink-{self.tag}-{connector}"
        admin = AdminClient({"bootstrap.servers": self._log.bootstrap})
        asked = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])[group].result(30)
        return {(place.topic, place.partition): place.offset for place in asked.topic_partitions if place.offset >= 0}

    def catch_up(self, behind=None):
        """Run until all is committed, or as ``behind`` says, then stop."""
        killed = frozenset().union(*self.members())
        process = self.start()
        try:
            # Once it is in its groups, it is there to be told to stop.
            until(lambda: (behind or self.behind)() == 0 and self.runs(killed), process)
            process.terminate()
            code, output = finish(process)
        finally:
            process.kill()  # what goes on reading writes into the next test's log
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
        pytest.fail(f"{process.args[5:]} not finished within {timeout} s:\n{process.communicate()[0]}")
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
