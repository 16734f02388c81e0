"""``global_models`` followed: which versions there are, which of them everybody stands on, where each lies."""

import logging
from collections.abc import Mapping
from typing import Any, NamedTuple

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition
from numpy.typing import NDArray

from forecaster import course, weights
from forecaster.config import Config
from forecaster.knowledge import architecture, initial
from forecaster.weights import WeightsError
from schemas.codec import Codec, UndecodableRecord
from schemas.events import DeadLetter, GlobalModel
from schemas.log_lines import handling
from schemas.topics import TOPICS
from schemas.wire import Origin, dead_letter, place_id
from spark_analytics.readings import STAGE

logger = logging.getLogger(__name__)

TOPIC = "global_models"
KEPT = 16
"""Models that a process keeps at hand; it reads others from the log again."""


class UnknownVersionError(LookupError):
    """The log has no usable model of that version."""


class Address(NamedTuple):
    """Where a version's event lies on ``global_models``."""

    partition: int
    offset: int


class Known(NamedTuple):
    """What is known of a version besides: the one that everybody stands on by its word, and its window's end, ms."""

    champion: int
    window_end: int


class Models:
    """All usable versions on the log so far.

    What cannot be used is in ``letters``, for whoever emits to collect; then the version before goes on.
    """

    def __init__(self, config: Config, bootstrap: str, codec: Codec) -> None:
        self.config = config
        self.codec = codec
        self.addresses: dict[int, Address] = {}
        self.newest, self.known = 0, Known(0, 0)
        self.letters: list[DeadLetter] = []
        # What models are checked against: made now, for it takes two seconds that the first of them would wait.
        initial(config)
        self.consumer = _consumer(bootstrap)
        # On a connection of its own: the consumer's is busy waiting for the next record.
        self.asking = _consumer(bootstrap)
        self.partitions = [TopicPartition(TOPIC, p, OFFSET_BEGINNING) for p in range(TOPICS[TOPIC].partitions)]
        self.consumer.assign(self.partitions)

    def follow(self) -> None:
        """Read what has come since the last call, to the topic's end at this moment.

        Raises:
            KafkaException: Kafka does not answer.
        """
        ends = {}
        for partition in self.partitions:
            low, high = self.asking.get_watermark_offsets(partition, timeout=10)
            if high > low:
                ends[partition.partition] = high
        # As many as there are, for which no time is waited away.
        while left := self._left(ends):
            for message in self.consumer.consume(min(left, 500), timeout=1.0):
                if message.error():
                    raise KafkaException(message.error())
                self._take(message.value(), Origin(TOPIC, message.partition(), message.offset(), message.key()))

    def _left(self, ends: Mapping[int, int]) -> int:
        """Records before the ends; of a partition that nothing has been read of yet, one."""
        places = {place.partition: place.offset for place in self.consumer.position(self.partitions)}
        return sum(max(end - places[p], 0) if places[p] >= 0 else 1 for p, end in ends.items())

    def _take(self, value: bytes | None, origin: Origin) -> None:
        try:
            model = usable(self.config, self.codec, value)
            # What is first on the log is the fact.
            self.addresses.setdefault(model.version, Address(origin.partition, origin.offset))
            if model.stands_on and model.stands_on not in self.addresses:
                raise UnknownVersionError(f"version {model.version} stands on {model.stands_on}, which cannot be used")
        except (UndecodableRecord, WeightsError, UnknownVersionError) as error:
            with handling(place_id(*origin[:3])):
                logger.error("%s/%d/%d: %s", TOPIC, origin.partition, origin.offset, error)
            self.letters.append(dead_letter(STAGE, origin, value or b"", error))
            return
        if model.version > self.newest:
            self.newest, self.known = model.version, Known(model.stands_on, model.window_end)


def usable(config: Config, codec: Codec, value: bytes | None) -> GlobalModel:
    """The event in a record of ``global_models``.

    Raises:
        UndecodableRecord: it is none.
        WeightsError: its weights are not those of this architecture, or not finite.
    """
    model: Any = codec.decode(TOPIC, value)
    if model.architecture != architecture(config):
        raise WeightsError(f"architecture {model.architecture} is not {architecture(config)}")
    weights.from_bytes(config, model.weights)
    return model


class Shelf:
    """Models read from the log as they are asked for, a few kept: what a process evaluates with."""

    def __init__(self, config: Config, bootstrap: str, codec: Codec) -> None:
        self.config, self.codec = config, codec
        self.consumer = _consumer(bootstrap)
        self.kept: dict[int, NDArray[Any]] = {0: course.numbers(initial(config))}

    def numbers(self, version: int, address: Address | None) -> NDArray[Any]:
        """A version's numbers (``course.numbers``), float32 [knowledge.length]; of 0, what every device starts from.

        Raises:
            UnknownVersionError: there is no address, or at the address lies another version.
            KafkaException: Kafka does not answer.
        """
        if version not in self.kept:
            if address is None:
                raise UnknownVersionError(f"version {version} is not on the log")
            model = usable(self.config, self.codec, self._read(address))
            if model.version != version:
                raise UnknownVersionError(f"at {address} lies version {model.version}, not {version}")
            if len(self.kept) > KEPT:
                del self.kept[min(self.kept.keys() - {0})]
            self.kept[version] = course.numbers(weights.from_bytes(self.config, model.weights))
        return self.kept[version]

    def _read(self, address: Address) -> bytes | None:
        self.consumer.assign([TopicPartition(TOPIC, *address)])
        message = self.consumer.poll(30)
        if message is None:
            raise KafkaException(f"{TOPIC}/{address.partition}/{address.offset} does not come")
        if message.error():
            raise KafkaException(message.error())
        self.consumer.unassign()
        value: bytes | None = message.value()
        return value


def _consumer(bootstrap: str) -> Consumer:
    return Consumer({"bootstrap.servers": bootstrap, "group.id": "spark-models", "enable.auto.commit": False})
