"""The batch that is being written while the next one is read, and what is done when that takes long."""

import logging
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

from confluent_kafka import Consumer, Message, TopicPartition

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

    def met(self, most: int) -> list[Message]:
        """What came although it was held back, ``most`` at a time; partitions are given to the consumer unpaused."""
        met, self._met = self._met[:most], self._met[most:]
        return met

    def revoked(self, consumer: Consumer, places: Any) -> None:
        """Partitions are taken away: let the batch end first, for a while. What was met of them is another's now."""
        if self._batch is not None:
            _ended(self._batch, REVOKED_SECONDS)
        gone = _names(places)
        self._met = [message for message in self._met if (message.topic(), message.partition()) not in gone]

    def close(self) -> None:
        """Return when nothing is being written; what a batch raised is lost, unless ``end`` has told."""
        self._thread.shutdown()

    def _hold_back(self, batch: Future[Positions]) -> None:
        paused = self._consumer.assignment()
        LOG.info("%s: a batch takes long, %d partitions are paused", self._name, len(paused))
        while not _ended(batch, 0):
            self._consumer.pause(paused)
            came = self._consumer.consume(1, LONG_SECONDS / 4)  # where partitions are taken and given
            self._met += came
            paused = self._consumer.assignment()
        self._consumer.resume(paused)


def _names(places: Iterable[TopicPartition]) -> set[tuple[str, int]]:
    return {(place.topic, place.partition) for place in places}


def _ended(batch: Future[Positions], seconds: float) -> bool:
    return bool(wait([batch], seconds).done)
