"""What becomes of records that cannot be digested: ``errors.tolerance`` and the dead letter queue."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from mongo_sink.config import ConnectorConfig
from mongo_sink.letter_headers import context_headers
from schemas import wire
from schemas.codec import Codec, UndecodableRecord
from schemas.log_lines import handling
from schemas.wire import Headers, Origin, dead_letter, shortened

LOG = logging.getLogger(__name__)
STAGE = "mongo_sink"
FLUSH_SECONDS = 1.0
LONGEST_SHOWN = 1000  # bytes of a key and of a value in the log

Settled = Mapping[tuple[str, int], int]


class DeadLetterReporter:
    """One connector's errant records: counted, logged, and written to the dead letter topic if it has one.

    Args:
        settled: per topic and partition, the offset below which every letter is on the log already (a replay's).
        task: the number of the task, for the headers.
    """

    def __init__(
        self,
        config: ConnectorConfig,
        codec: Codec,
        open_producer: Callable[[], Producer],
        settled: Settled | None = None,
        task: int = 0,
    ) -> None:
        self._config = config
        self._task = task
        self._codec = codec
        self._open = open_producer
        self._settled = settled or {}
        self._producer: Producer | None = None
        self._undelivered: list[KafkaError] = []
        self.count = 0

    def report(self, origin: Origin, value: bytes, error: Exception) -> None:
        """Take one record.

        Raises:
            Exception: ``error`` itself, where ``errors.tolerance`` (or ``mongo.errors.tolerance``) is ``none``.
        """
        with handling(wire.place_id(*origin[:3])):
            self._take(origin, value, error)

    def _take(self, origin: Origin, value: bytes, error: Exception) -> None:
        if not self._config.tolerates(undecodable=isinstance(error, UndecodableRecord)):
            raise error
        self.count += 1
        place, said = f"{origin.topic}/{origin.partition}/{origin.offset}", shortened(str(error))
        topic = self._config.dead_letter_topic
        if not topic or origin.topic == topic:
            # A letter about a letter would come back as a record to be read, for ever.
            LOG.error("%s: %s is passed over: %s", self._config.name, place, said, exc_info=self._details(error))
            self._log_message(origin, value)
            return
        if origin.offset < self._settled.get((origin.topic, origin.partition), 0):
            return
        LOG.warning("%s: %s is a dead letter: %s", self._config.name, place, said, exc_info=self._details(error))
        self._log_message(origin, value)
        self._send(topic, origin, value, error)

    def flush(self) -> None:
        """Return when all letters are on the log.

        Raises:
            KafkaException: one could not be delivered.
        """
        if self._producer is None:
            return
        while self._producer.flush(FLUSH_SECONDS) and not self._undelivered:
            LOG.warning("%s: waiting for Kafka to take dead letters", self._config.name)
        if self._undelivered:
            raise KafkaException(self._undelivered[0])

    def _send(self, topic: str, origin: Origin, value: bytes, error: Exception) -> None:
        record = self._codec.encode(dead_letter(STAGE, origin, value, error))
        if self._producer is None:
            self._producer = self._open()
        args: dict[str, Any] = {
            "headers": record.headers + self._context(origin, error),
            "timestamp": record.timestamp,
            "on_delivery": self._delivered,
        }
        while True:
            try:
                self._producer.produce(topic, record.value, record.key, **args)
            except BufferError:  # a flood of them: let the queue drain
                self.flush()
            else:
                return

    def _context(self, origin: Origin, error: Exception) -> Headers:
        return context_headers(self._config.name, self._task, origin, error) if self._config.context_headers else []

    def _details(self, error: Exception) -> Exception | None:
        return error if self._config.logs_details else None

    def _log_message(self, origin: Origin, value: bytes) -> None:
        if self._config.logs_details and self._config.log_messages:
            key = origin.key and origin.key[:LONGEST_SHOWN]
            LOG.warning("%s: key %r, value %r", self._config.name, key, value[:LONGEST_SHOWN])

    def _delivered(self, error: KafkaError | None, message: Any) -> None:
        if error is not None:
            self._undelivered.append(error)
