"""A topic from its beginning to where it ends now, or one record of it."""

from collections.abc import Iterator

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

WAIT_SECONDS = 10.0


def whole(bootstrap: str, topic: str) -> Iterator[Message]:
    """All records that are there, partition by partition in order.

    Raises:
        KafkaException: Kafka does not answer.
    """
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "reader", "enable.auto.commit": False})
    try:
        for partition in sorted(consumer.list_topics(topic, WAIT_SECONDS).topics[topic].partitions):
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), WAIT_SECONDS)
            if high > low:
                consumer.assign([TopicPartition(topic, partition, low)])
                yield from _to(consumer, high)
    finally:
        consumer.close()


def record_at(consumer: Consumer, place: TopicPartition) -> Message:
    """The record at a place, read by a consumer that has nothing else to do.

    Raises:
        KafkaException: Kafka does not answer, or there is no such record.
    """
    consumer.assign([place])
    message = consumer.poll(WAIT_SECONDS)
    if message is None or message.error() or message.offset() != place.offset:
        where = f"{place.topic}/{place.partition}/{place.offset}"
        raise KafkaException(message.error() if message and message.error() else f"{where} does not come")
    return message


def _to(consumer: Consumer, end: int) -> Iterator[Message]:
    # The last offset need not be a record: a transaction's marker has one too. Then the position tells.
    while (place := consumer.position(consumer.assignment())[0]).offset < end:
        message = consumer.poll(WAIT_SECONDS)
        if message is None:
            raise KafkaException(f"{place.topic}/{place.partition} does not come beyond {place.offset}")
        if message.error():
            raise KafkaException(message.error())
        yield message
