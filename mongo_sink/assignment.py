"""Where a task begins to read the partitions it is given: where its view says, once that is known to be of this log."""

from collections.abc import Sequence
from threading import Event as Signal

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition

from mongo_sink.config import ConfigError, typed
from mongo_sink.positions import Positions
from mongo_sink.task import Properties, SinkTask
from mongo_sink.waiting import waiting
from mongo_sink.whose_log import ANSWER_SECONDS, OtherLogError, claim, log_of
from mongo_sink.writes import TRANSIENT
from schemas.topics import TOPICS


class AheadOfLogError(OtherLogError):
    """A view holds more than there is on the log."""


class Assignment:
    """What a task asks its view and Kafka before it reads; servers that are away are waited for."""

    def __init__(self, properties: Properties, consumer: Consumer, stopping: Signal) -> None:
        """Bind the connector's properties and the task's consumer; ``stopping`` is set when it is to end."""
        self._properties = properties
        self._config = typed(properties)
        self._consumer = consumer
        self._kafka_patiently = waiting("Kafka", (KafkaException,), stopping)
        self._view_patiently = waiting("MongoDB", TRANSIENT, stopping)

    def claim(self) -> None:
        """Have the view say which log it is of, before it holds anything of it.

        Raises:
            OtherLogError: it is of another one.
            StoppedWaitingError: told to stop while a server was away.
        """
        self._view_patiently(claim, self._properties, self._kafka_patiently(log_of, self._consumer))

    def begin(self, task: SinkTask, places: Sequence[TopicPartition]) -> Positions:
        """Set each place's offset to where the view holds it, else to its beginning; what the view holds.

        Raises:
            AheadOfLogError: it holds what this log does not: it is another log's.
            OtherLogError: it says that it is another log's.
            ConfigError: there is no topic for its dead letters.
            StoppedWaitingError: told to stop while a server was away.
        """
        self._find_queue()
        self.claim()
        held = task.open([(place.topic, place.partition) for place in places])
        for place in places:
            place.offset = held.get((place.topic, place.partition), OFFSET_BEGINNING)
            _, end = self._kafka_patiently(self._consumer.get_watermark_offsets, place, ANSWER_SECONDS)
            if place.offset > end:
                where = f"{place.topic}/{place.partition}"
                raise AheadOfLogError(
                    f"{self._config.name}: the view holds {where} up to {place.offset}, and the log ends at {end}: "
                    "it is a view of another log; drop it with a replay, or give the connector another database"
                )
        return held

    def _find_queue(self) -> None:
        """See that letters can be written before the first one is: no topic is made by writing to it."""
        queue = self._config.dead_letter_topic
        if not queue or queue in TOPICS:  # which are there before any sink is
            return
        if queue not in self._kafka_patiently(self._consumer.list_topics, timeout=ANSWER_SECONDS).topics:
            raise ConfigError(
                f"{self._config.name}: errors.deadletterqueue.topic.name is {queue!r}, and there is no such topic: "
                "create it, or name 'dead_letters'"
            )
