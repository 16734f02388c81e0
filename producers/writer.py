"""Events onto the log, in order and without gaps."""

import logging
import time

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from producers.outgoing import Outgoing
from schemas.codec import Codec
from schemas.topics import LARGEST_BYTES
from schemas.wire import stamped

_CONFIG = {
    "acks": "all",
    "enable.idempotence": True,
    # A reading must never be given up while later ones arrive: wait for the broker as long as it takes, and where
    # order cannot be kept any more, fail for good. The next start goes on from what the log holds.
    "message.timeout.ms": 0,
    "enable.gapless.guarantee": True,
    "delivery.report.only.error": True,
    "linger.ms": 100,  # at live speed, ten requests a second and not fifty
    "batch.size": 262_144,
    "queue.buffering.max.messages": 50_000,
    "compression.type": "lz4",
    "message.max.bytes": LARGEST_BYTES,
}
_log = logging.getLogger(__name__)
# Chosen knowingly: without it, an error the broker does not forgive leaves a hole that no later start can see.
_log.addFilter(lambda record: "enable.gapless.guarantee is experimental" not in record.getMessage())


class Writer:
    """The idempotent producer; raises ``KafkaException`` as soon as one event is known to be lost."""

    def __init__(self, bootstrap: str, codec: Codec) -> None:
        self._codec = codec
        self._failure: KafkaError | None = None
        self._producer = Producer(
            {"bootstrap.servers": bootstrap, "on_delivery": self._delivered, "error_cb": self._error, **_CONFIG},
            logger=_log,
        )

    def write(self, outgoing: Outgoing) -> bool:
        """Put an event into the queue; ``False`` where the queue is full (then ``wait`` and try again)."""
        record = self._codec.encode(outgoing.event)
        try:
            self._producer.produce(
                record.topic,
                record.value,
                record.key,
                outgoing.partition,
                timestamp=record.timestamp,
                headers=stamped(record, time.time()) or None,
            )
        except BufferError:
            return False
        return True

    def wait(self, seconds: float) -> None:
        """Serve the producer's reports for up to that long."""
        self._producer.poll(seconds)
        self._raise()

    def flush(self, seconds: float) -> int:
        """Wait until all is acknowledged, or for that long; how many events are not."""
        left = self._producer.flush(seconds)
        self._raise()
        return left

    def _raise(self) -> None:
        if self._failure is not None:
            raise KafkaException(self._failure)

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        self._failure = self._failure or error

    def _error(self, error: KafkaError) -> None:
        """Errors of the client itself: only fatal ones end it, the others it repairs."""
        if error.fatal():
            self._failure = self._failure or error
        else:
            _log.warning("%s", error)
