"""Events for the sink's tests, and the records they come in."""

from typing import Any

import numpy as np
from safetensors.numpy import save

from mongo_sink.documents import Row, placed, value_of
from mongo_sink.task import SinkRecord
from schemas.events import (
    Contribution,
    DeadLetter,
    Event,
    GlobalModel,
    HorizonError,
    LocalUpdate,
    Measurements,
    Prediction,
    Reading,
)
from schemas.topics import TOPIC_OF
from schemas.wire import Origin, key_of
from tests.unit.schemas.avro import read

NOON = 1_078_401_600_123  # 2004-03-04T12:00:00.123Z
HALF_HOUR = 1_800_000
ERRORS = (HorizonError("temperature", HALF_HOUR, 12, 0.25, 0.5),)
ROOM = Measurements(20.5, 40.25, None, 2.75)


def weights(value: float = 1.0) -> bytes:
    return save({"dense/kernel": np.full((3, 2), value, np.float32), "dense/bias": np.zeros(2, np.float32)})


def reading(device: str = "mote-07", position: int = 0) -> Reading:
    return Reading(device, NOON, 3, 20.5, None, 100.0, 2.75, "test", 0, position)


def update(sequence: int, device: str = "mote-07", value: float = 1.0, **changed: Any) -> LocalUpdate:
    plain = LocalUpdate(
        f"{device}/{sequence}", device, sequence, NOON, 2, None, "abc", weights(value), 10, 1, 5, 9, ERRORS, "test"
    )
    return plain._replace(**changed)


def global_model(version: int, value: float = 1.0) -> GlobalModel:
    accepted = Contribution("mote-07/3", "mote-07", 1, 17, NOON, 2, 0, 10, 1.0, "accepted")
    rejected = Contribution("mote-08/3", "mote-08", 2, 18, NOON, 1, 1, 10, 0.0, "rejected", "stale")
    return GlobalModel(
        model="fleet",
        version=version,
        parent_version=version - 1,
        window_start=NOON - HALF_HOUR,
        window_end=NOON,
        strategy="fedavg",
        strategy_parameters={"decay": 0.5},
        architecture="abc",
        weights=weights(value),
        contributions=(accepted, rejected),
        example_count=10,
        errors=ERRORS,
        promotion="promoted",
        resume_offsets={"0": 5, "1": 18},
        dataset="test",
    )


def prediction(id_: str = "local/mote-07/30/1", *, scored: bool, score: float = 1.5) -> Prediction:
    plain = Prediction(
        id_, "local", "mote-07", 2, NOON, NOON + HALF_HOUR, HALF_HOUR, ROOM, ROOM, None, None, None, None, 1, 9, "test"
    )
    if not scored:
        return plain
    return plain._replace(actual=ROOM, error=Measurements(0.0, 0.0, None, 0.0), anomaly_score=score, anomaly=False)


def letter() -> DeadLetter:
    return DeadLetter(
        "flink_training/iot_stream/0/7", "flink_training", "iot_stream", 0, 7, b"k", NOON, "E", "m", b"\0"
    )


def record(event: Event, offset: int = 0, partition: int = 0) -> SinkRecord:
    origin = Origin(TOPIC_OF[type(event)], partition, offset, key_of(event), NOON)
    return SinkRecord(origin, b"bytes", read(event))


def document(event: Event, id_: Any, offset: int = 0, partition: int = 0) -> dict[str, Any]:
    origin, _, fields = record(event, offset, partition)
    return placed({"_id": id_} | value_of(fields, origin.topic), origin)


def row(event: Event, id_: Any, offset: int = 0, partition: int = 0) -> Row:
    return Row(record(event, offset, partition).origin, document(event, id_, offset, partition))


def tombstone(id_: str, offset: int = 0, topic: str = "local_updates", partition: int = 0) -> Row:
    origin = Origin(topic, partition, offset, id_.encode(), NOON + offset)
    return Row(origin, placed({"_id": id_}, origin), tombstone=True)
