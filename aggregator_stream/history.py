"""``global_models`` read to its end, and the consumer group set to where it says to read on."""

import logging
from collections.abc import Iterator, Mapping

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient
from tenacity import before_sleep_log, retry, retry_if_exception_type, stop_after_delay, wait_fixed

from aggregator_stream.catalogue import Placed
from schemas.codec import Codec, UndecodableRecord
from schemas.events import GlobalModel
from schemas.log_lines import handling
from schemas.wire import place_id

logger = logging.getLogger(__name__)


def read(bootstrap: str, codec: Codec, partitions: int) -> Iterator[Placed]:
    """Every global model on the log up to its end now, and its place; what is not one is said and passed over.

    Raises:
        KafkaException: the topic cannot be read.
    """
    for message in messages(bootstrap, "global_models", partitions):
        try:
            model = codec.decode("global_models", message.value())
        except UndecodableRecord as error:
            with handling(place_id("global_models", message.partition(), message.offset())):
                logger.error("global_models/%d/%d: %s", message.partition(), message.offset(), error)
            continue
        assert isinstance(model, GlobalModel)
        yield Placed(model, message.partition(), message.offset())


def messages(bootstrap: str, topic: str, partitions: int) -> Iterator[Message]:
    """Every record of a topic up to its end now, each partition in its order.

    Raises:
        KafkaException: the topic cannot be read.
        TimeoutError: its records do not come.
    """
    options = {"bootstrap.servers": bootstrap, "group.id": "aggregator-history", "enable.auto.commit": False}
    consumer = Consumer(options)
    try:
        ends = {partition: bounds(consumer, topic, partition) for partition in range(partitions)}
        consumer.assign([TopicPartition(topic, partition, low) for partition, (low, _) in ends.items()])
        left = sum(high - low for low, high in ends.values())
        while left > 0:
            message = consumer.poll(30)
            if message is None:
                raise TimeoutError(f"{left} records of {topic} did not come within 30 s")
            if message.error():
                raise KafkaException(message.error())
            # What has been written since then is not waited for.
            if message.offset() < ends[message.partition()][1]:
                left -= 1
                yield message
    finally:
        consumer.close()


def ends(bootstrap: str, topic: str, partitions: int) -> dict[int, int]:
    """Where the next record of each partition of ``topic`` would lie now.

    Raises:
        KafkaException: the topic cannot be asked.
    """
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "aggregator-ends"})
    try:
        return {partition: bounds(consumer, topic, partition)[1] for partition in range(partitions)}
    finally:
        consumer.close()


def bounds(consumer: Consumer, topic: str, partition: int) -> tuple[int, int]:
    """Offset of the first record in a partition, and of the next one.

    Raises:
        KafkaException: the topic cannot be asked.
    """
    low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)
    return low, high


@retry(
    retry=retry_if_exception_type(KafkaException),
    wait=wait_fixed(1),
    stop=stop_after_delay(120),
    before_sleep=before_sleep_log(logger, logging.INFO),
    reraise=True,
)
def seek(bootstrap: str, group: str, positions: Mapping[str, Mapping[int, int]], partitions: int) -> None:
    """Set the group's offsets in each topic, before it has a member; one left by a killed predecessor times out first.

    Raises:
        KafkaException: the group still has a member after two minutes.
    """
    places = [(topic, p, offsets.get(p, 0)) for topic, offsets in positions.items() for p in range(partitions)]
    wanted = [TopicPartition(*place) for place in places]
    # Named, since its futures never complete once it has been collected.
    admin = AdminClient({"bootstrap.servers": bootstrap})
    futures = admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, wanted)])
    for future in futures.values():
        for partition in future.result().topic_partitions:
            if partition.error:
                raise KafkaException(partition.error)
