"""The batch that is being written while the next one is read, and what is done when that takes long."""

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

from confluent_kafka import Consumer, Message

from mongo_sink.positions import Positions

LOG = logging.getLogger(__name__)
LONG_SECONDS = 1.0
"""After which a batch counts as slow, and its partitions are paused."""
REVOKED_SECONDS = 10.0
"""For which partitions that are taken away are held on to. Who gets them may write what is written here, twice."""


class Writing:
    """One batch at a time, in a thread of its own.

    Args:
        consumer: of the batches; it stays in its group however long one takes.
        name: of its task, for the log.
    """

    def __init__(self, consumer: Consumer, name: str) -> None:
        self._consumer, self._name = consumer, name
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"{name}-writes")
        self._batch: Future[Positions] | None = None
        self._met: list[Message] = []

    def begin(self, write: Callable[[], Positions]) -> None:
        """Have a batch written; the one before must have ended."""
        self._batch = self._thread.submit(write)

    def end(self) -> Positions:
        """Up to where the view holds the log, when the batch is written; nothing where there was none.

        Partitions are paused meanwhile, where it takes long: nothing more is fetched, and the group still hears of the
        consumer, so that it can take partitions from it or give it some.

        Raises:
            Exception: what writing it raised.
        """
        if self._batch is None:
            return {}
        if not _ended(self._batch, LONG_SECONDS):
            self._hold_back(self._batch)
        batch, self._batch = self._batch, None
        return batch.result()

    def met(self) -> list[Message]:
        """What came although it was held back: partitions that were given to the consumer meanwhile are not paused."""
        met, self._met = self._met, []
        return met

    def revoked(self, consumer: Consumer, places: Any) -> None:
        """Partitions are taken away: let the batch end first, for a while."""
        if self._batch is not None:
            _ended(self._batch, REVOKED_SECONDS)

    def close(self) -> None:
        """Return when nothing is being written; what a batch raised is lost, unless ``end`` has told."""
        self._thread.shutdown()

    def _hold_back(self, batch: Future[Positions]) -> None:
        paused = self._consumer.assignment()
        LOG.info("%s: a batch takes long, %d partitions are paused", self._name, len(paused))
        self._consumer.pause(paused)
        while not _ended(batch, 0):
            self._met += self._consumer.consume(1, LONG_SECONDS / 4)
        still = {(place.topic, place.partition) for place in self._consumer.assignment()}
        self._consumer.resume([place for place in paused if (place.topic, place.partition) in still])


def _ended(batch: Future[Positions], seconds: float) -> bool:
    return bool(wait([batch], seconds).done)
