"""``global_models`` read to its end, and the consumer group set to where it says to read on."""

import logging
from collections.abc import Iterator, Mapping

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from tenacity import before_sleep_log, retry, retry_if_exception_type, stop_after_delay, wait_fixed

from schemas.codec import Codec, UndecodableRecord
from schemas.events import GlobalModel

logger = logging.getLogger(__name__)


def read(bootstrap: str, codec: Codec, partitions: int) -> Iterator[GlobalModel]:
    """Every global model on the log up to its end now; what is not one is said and passed over.

    Raises:
        KafkaException: the topic cannot be read.
    """
    options = {"bootstrap.servers": bootstrap, "group.id": "aggregator-history", "enable.auto.commit": False}
    consumer = Consumer(options)
    try:
        left = 0
        starts = []
        for partition in range(partitions):
            low, high = consumer.get_watermark_offsets(TopicPartition("global_models", partition), timeout=10)
            starts.append(TopicPartition("global_models", partition, low))
            left += high - low
        consumer.assign(starts)
        while left > 0:
            message = consumer.poll(30)
            if message is None:
                raise TimeoutError(f"{left} records of global_models did not come within 30 s")
            if message.error():
                raise KafkaException(message.error())
            left -= 1
            try:
                model = codec.decode("global_models", message.value())
            except UndecodableRecord as error:
                logger.error("global_models/%d/%d: %s", message.partition(), message.offset(), error)
                continue
            assert isinstance(model, GlobalModel)
            yield model
    finally:
        consumer.close()


@retry(
    retry=retry_if_exception_type(KafkaException),
    wait=wait_fixed(1),
    stop=stop_after_delay(120),
    before_sleep=before_sleep_log(logger, logging.INFO),
    reraise=True,
)
def seek(bootstrap: str, group: str, topic: str, positions: Mapping[int, int], partitions: int) -> None:
    """Set the group's offsets, before it has a member; one left by a killed predecessor has to time out first.

    Raises:
        KafkaException: the group still has a member after two minutes.
    """
    wanted = [TopicPartition(topic, p, positions.get(p, 0)) for p in range(partitions)]
    # Named, since its futures never complete once it has been collected.
    admin = AdminClient({"bootstrap.servers": bootstrap})
    futures = admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, wanted)])
    for future in futures.values():
        for partition in future.result().topic_partitions:
            if partition.error:
                raise KafkaException(partition.error)
