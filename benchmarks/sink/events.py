"""Events for the sink to take, and onto the log with them."""

from collections.abc import Iterable, Iterator

from confluent_kafka import Producer

from infra.settings import Settings
from mongo_sink.documents import Document, document_of
from schemas.codec import Codec
from schemas.events import Event, Measurements, Prediction, Reading
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


def documents(events: Iterable[Event]) -> list[Document]:
    """What the sink makes of them, wherever on the log they lie."""
    made = []
    for offset, event in enumerate(events):
        topic = TOPIC_OF[type(event)]
        partition = offset % TOPICS[topic].partitions
        made.append(document_of(event, Origin(topic, partition, offset), f"{topic}#{partition}#{offset}"))
    return made
