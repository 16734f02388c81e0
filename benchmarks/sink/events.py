"""Events for the sink to take, and onto the log with them."""

from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np
from confluent_kafka import Producer
from safetensors.numpy import save

from infra.settings import Settings
from mongo_sink.documents import Document, placed, value_of
from mongo_sink.ids import place
from schemas.codec import Codec
from schemas.events import (
    SENSORS,
    Contribution,
    Event,
    GlobalModel,
    HorizonError,
    LocalUpdate,
    Measurements,
    Prediction,
    Reading,
)
from schemas.topics import TOPIC_OF, TOPICS
from schemas.wire import Origin

DEVICES = 54
BEGIN, HALF_HOUR = 1_078_012_800_000, 1_800_000


def readings(count: int) -> Iterator[Reading]:
    """Rows as the Intel Lab's, one measurement in eight missing."""
    for n in range(count):
        light = None if n % 8 == 0 else n % 500 * 0.92
        place = f"mote-{n % DEVICES:02d}", BEGIN + n * 600, n // DEVICES
        yield Reading(*place, 18 + n % 100 * 0.098, 30 + n % 90 * 0.1, light, 2.6 + n % 9 * 0.01, "benchmark", 0, n)


def predictions(count: int) -> Iterator[Prediction]:
    """Forecasts with what they are made of, every second scored."""
    for n in range(count):
        device, made = f"mote-{n % DEVICES:02d}", BEGIN + n // DEVICES * HALF_HOUR
        room = Measurements(18 + n % 100 * 0.098, 30 + n % 90 * 0.1, None, 2.6)
        known = f"local/{device}/30/{n}", "local", device, 3, made, made + HALF_HOUR, HALF_HOUR, room, room
        plain = Prediction(*known, None, None, None, None, n % 4, n, "benchmark", room)
        yield plain._replace(actual=room, error=room, anomaly_score=0.5, anomaly=False) if n % 2 else plain


def forecasts(count: int) -> Iterator[Prediction]:
    """Each forecast as it is made, and again as it is scored."""
    for scored in islice(predictions(count), 1, None, 2):
        yield scored._replace(actual=None, error=None, anomaly_score=None, anomaly=None)
        yield scored


def updates(count: int) -> Iterator[LocalUpdate]:
    """Updates of the default network's size; the weights are no real ones."""
    errors = tuple(HorizonError(sensor, HALF_HOUR, 12, 0.25, 0.5) for sensor in SENSORS)
    weights = save({"weights": np.zeros(4_500, np.float32)})
    for n in range(count):
        device, sequence = f"mote-{n % DEVICES:02d}", n // DEVICES + 1
        place = n % 4, 10 * sequence, 10 * sequence + 9
        moment = BEGIN + sequence * HALF_HOUR
        yield LocalUpdate(
            f"{device}/{sequence}", device, sequence, moment, 0, None, "tanh", weights, 10, *place, errors, "benchmark"
        )


def versions(count: int) -> Iterator[GlobalModel]:
    """A model for each window, of all devices."""
    weights = save({"weights": np.zeros(4_500, np.float32)})
    for n in range(1, count + 1):
        end = BEGIN + n * HALF_HOUR
        members = tuple(
            Contribution(f"mote-{d:02d}/{n}", f"mote-{d:02d}", d % 4, n, end, n - 1, 0, 10, 1 / DEVICES, "accepted")
            for d in range(DEVICES)
        )
        window = n, n - 1, end - HALF_HOUR, end
        yield GlobalModel(
            *("global", *window, "fedavg", {}, "tanh", weights, members, 10 * DEVICES, (), "promoted"),
            *({"0": n}, "benchmark"),
        )


def write(settings: Settings, events: Iterable[Event]) -> None:
    """Events onto the log."""
    codec = Codec(settings.registry)
    producer = Producer({"bootstrap.servers": settings.bootstrap, "linger.ms": 50})
    for event in events:
        record = codec.encode(event)
        while True:
            try:
                producer.produce(
                    record.topic, record.value, record.key, headers=record.headers, timestamp=record.timestamp
                )
                break
            except BufferError:
                producer.poll(0.1)
    producer.flush()


def documents(settings: Settings, events: Iterable[Event]) -> list[Document]:
    """What the sink makes of them, wherever on the log they lie."""
    codec, made = Codec(settings.registry), []
    for offset, event in enumerate(events):
        topic = TOPIC_OF[type(event)]
        origin = Origin(topic, offset % TOPICS[topic].partitions, offset)
        document = value_of(codec.row(topic, codec.encode(event).value), topic)
        made.append(placed(document | {"_id": place(origin)}, origin))
    return made
