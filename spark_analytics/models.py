"""``global_models`` followed: which versions there are, and what they know."""

import logging
from collections.abc import Mapping

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition

from forecaster import weights
from forecaster.config import Config
from forecaster.knowledge import Knowledge, architecture, initial
from forecaster.weights import WeightsError
from schemas.codec import Codec, UndecodableRecord
from schemas.events import DeadLetter, GlobalModel
from schemas.topics import TOPICS
from schemas.wire import Origin, dead_letter

logger = logging.getLogger(__name__)

STAGE = "spark_analytics"
TOPIC = "global_models"


class Models:
    """All versions on the log so far; version 0, what every device starts from, is there from the start.

    What cannot be used is in ``letters``, for whoever emits to collect, and the other versions stay as they are.
    """

    def __init__(self, config: Config, bootstrap: str, codec: Codec) -> None:
        self.config = config
        self.codec = codec
        self.knowledge: dict[int, Knowledge] = {0: initial(config)}
        self.champions = {0: 0}
        self.letters: list[DeadLetter] = []
        options = {"bootstrap.servers": bootstrap, "group.id": "spark-models", "enable.auto.commit": False}
        self.consumer = Consumer(options)
        self.partitions = [TopicPartition(TOPIC, p, OFFSET_BEGINNING) for p in range(TOPICS[TOPIC].partitions)]
        self.consumer.assign(self.partitions)

    @property
    def newest(self) -> int:
        """The newest version that can be used."""
        return max(self.knowledge)

    @property
    def champion(self) -> int:
        """The version to be used: the one that the newest says everybody stands on."""
        return self.champions[self.newest]

    def follow(self) -> None:
        """Read what has come since the last call, to the topic's end at this moment.

        Raises:
            KafkaException: Kafka does not answer.
        """
        ends = {}
        for partition in self.partitions:
            low, high = self.consumer.get_watermark_offsets(partition, timeout=10)
            if high > low:
                ends[partition.partition] = high
        while self._behind(ends):
            for message in self.consumer.consume(500, timeout=1.0):
                if message.error():
                    raise KafkaException(message.error())
                self._take(message.value(), Origin(TOPIC, message.partition(), message.offset(), message.key()))

    def _behind(self, ends: Mapping[int, int]) -> bool:
        places = self.consumer.position(self.partitions)
        return any(p.offset < ends[p.partition] for p in places if p.partition in ends)

    def _take(self, value: bytes | None, origin: Origin) -> None:
        try:
            model = self.codec.decode(TOPIC, value)
            version, known = self._usable(model)
            if version not in self.knowledge:
                self.knowledge[version], self.champions[version] = known, model.stands_on
        except (UndecodableRecord, WeightsError) as error:
            logger.error("%s/%d/%d: %s", TOPIC, origin.partition, origin.offset, error)
            self.letters.append(dead_letter(STAGE, origin, value or b"", error))

    def _usable(self, model: object) -> tuple[int, Knowledge]:
        assert isinstance(model, GlobalModel)
        if model.architecture != architecture(self.config):
            raise WeightsError(f"architecture {model.architecture} is not {architecture(self.config)}")
        return model.version, weights.from_bytes(self.config, model.weights)
