"""One model's event read again from its place in ``global_models``."""

import logging
import time
from contextlib import closing

from confluent_kafka import Consumer, KafkaException, TopicPartition

from aggregator_stream.http.board import LogUnavailableError
from schemas.codec import Codec
from schemas.events import GlobalModel

logger = logging.getLogger(__name__)

TOPIC = "global_models"
PATIENCE_S = 8.0
"""How long Kafka may take for one record (s)."""


def read(bootstrap: str, codec: Codec, partition: int, offset: int) -> GlobalModel:
    """The model that lies there; blocks.

    Raises:
        LogUnavailableError: Kafka has no such record, or did not give it in time.
        UndecodableRecord: it is not a model.
    """
    options = {
        "bootstrap.servers": bootstrap,
        "group.id": "aggregator-fetching",
        "enable.auto.commit": False,
        "auto.offset.reset": "error",
        # One record is wanted, and not what follows it: the broker gives at least one, however large.
        "fetch.message.max.bytes": 1024,
        "queued.min.messages": 1,
    }
    # A connection for each: one that is kept takes a second to turn to another place.
    with closing(Consumer(options, logger=logger)) as consumer:
        try:
            value = _value(consumer, TopicPartition(TOPIC, partition, offset))
        except KafkaException as error:
            raise LogUnavailableError(f"{TOPIC}/{partition}/{offset}: {error}") from error
    model = codec.decode(TOPIC, value)
    assert isinstance(model, GlobalModel)
    return model


def _value(consumer: Consumer, place: TopicPartition) -> bytes:
    consumer.assign([place])
    deadline = time.monotonic() + PATIENCE_S
    while (left := deadline - time.monotonic()) > 0:
        message = consumer.poll(left)
        if message is None:
            continue
        if message.error():
            raise KafkaException(message.error())
        if message.offset() == place.offset and message.value():
            return message.value()
        break
    raise LogUnavailableError(f"{TOPIC}/{place.partition}/{place.offset} did not come within {PATIENCE_S:.0f} s")
