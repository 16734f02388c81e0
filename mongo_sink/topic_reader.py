"""A topic from its beginning to where it ends now."""

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


def _to(consumer: Consumer, end: int) -> Iterator[Message]:
    # The last offset need not be a record: a transaction's marker has one too. Then the position tells.
    while (place := consumer.position(consumer.assignment())[0]).offset < end:
        message = consumer.poll(WAIT_SECONDS)
        if message is None:
            raise KafkaException(f"{place.topic}/{place.partition} does not come beyond {place.offset}")
        if message.error():
            raise KafkaException(message.error())
        yield message
