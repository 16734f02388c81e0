"""Single models read again from their places on a real log."""

import time

import pytest
from confluent_kafka import Producer

from aggregator_stream import fetching
from aggregator_stream.fetching import read
from aggregator_stream.http.board import LogUnavailableError
from infra.ports import free
from schemas.codec import Codec
from tests.integration.conftest import Log
from tests.unit.aggregator_stream.asking import model

pytestmark = pytest.mark.integration

# One is larger than what is asked for at once, so that the broker must send more.
WRITTEN = [model(number, weights=bytes([number]) * (100_000 if number == 3 else 10)) for number in range(1, 8)]


@pytest.fixture
def codec(log: Log) -> Codec:
    return Codec(log.registry)


@pytest.fixture
def places(log: Log, codec: Codec) -> dict[int, tuple[int, int]]:
    """Where each version lies, as Kafka acknowledged it."""
    found = {}
    producer = Producer({"bootstrap.servers": log.bootstrap})
    for event in WRITTEN:
        record = codec.encode(event)

        def told(error, message, number=event.version):
            assert error is None
            found[number] = message.partition(), message.offset()

        producer.produce(record.topic, record.value, record.key, on_delivery=told)
        # The last ones share a batch.
        if event.version < 5:
            producer.flush(10)
    producer.flush(10)
    return found


def test_any_model_comes_back_from_its_place(log, codec, places):
    for number in (7, 1, 3, 3, 6, 5, 2, 4):
        assert read(log.bootstrap, codec, *places[number]) == WRITTEN[number - 1]


def test_what_is_not_there_is_said_to_be_not_there(log, codec, places, monkeypatch):
    monkeypatch.setattr(fetching, "PATIENCE_S", 2.0)
    partition, offset = places[7]
    for place in ((partition, offset + 1), (partition, 10**6), ((partition + 1) % 4, 0), (99, 0)):
        with pytest.raises(LogUnavailableError):
            read(log.bootstrap, codec, *place)


def test_a_broker_that_is_away_is_not_waited_for_for_ever(codec, monkeypatch):
    monkeypatch.setattr(fetching, "PATIENCE_S", 1.0)
    [port] = free(1)
    begun = time.monotonic()
    with pytest.raises(LogUnavailableError):
        read(f"127.0.0.1:{port}", codec, 0, 0)
    assert time.monotonic() - begun < 5
