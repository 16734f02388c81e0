"""The task that writes documents to MongoDB, or to what speaks its protocol."""

from collections.abc import Sequence
from itertools import groupby

from mongo_sink import positions
from mongo_sink.config import MongoConfig
from mongo_sink.mongo_client import connect
from mongo_sink.positions import Place, Positions
from mongo_sink.task import Properties, SinkRecord, SinkTaskContext
from mongo_sink.topic_writer import TopicWriter
from mongo_sink.waiting import waiting
from mongo_sink.writes import TRANSIENT


class MongoSinkTask:
    """Documents by topic: folded, written acknowledged; what is refused is reported one by one."""

    def __init__(self, context: SinkTaskContext) -> None:
        self._context = context

    def start(self, config: Properties) -> None:
        """Connect; whether the server is there shows at the first write."""
        self._config = MongoConfig.of(config)
        self._client = connect(self._config.uri)
        self._database = self._client[self._config.database]
        self._positions = self._database[positions.COLLECTION]
        self._patiently = waiting("MongoDB", TRANSIENT, self._context.stopping)
        self._writers = {
            topic: TopicWriter(self._database, topic, own, self._context, self._patiently)
            for topic, own in self._config.by_topic.items()
        }

    def open(self, places: Sequence[Place]) -> Positions:
        """Where MongoDB says that each partition goes on.

        Raises:
            StoppedWaitingError: told to stop while MongoDB was away.
        """
        found: Positions = self._patiently(positions.held, self._positions, self._config.name, places)
        return found

    def put(self, records: Sequence[SinkRecord]) -> None:
        """Write the batch.

        Raises:
            StoppedWaitingError: told to stop while MongoDB was away.
            PreparationError: a collection cannot be what the properties want it to be.
        """
        for topic, group in groupby(sorted(records, key=_topic), key=_topic):
            self._writers[topic].write(list(group))

    def flush(self) -> None:
        """Nothing to do: ``put`` returns when the writes are acknowledged."""

    def pre_commit(self, held: Positions) -> None:
        """Note up to where the collections hold the log, beside them.

        Raises:
            StoppedWaitingError: told to stop while MongoDB was away.
        """
        self._patiently(positions.hold, self._positions, self._config.name, held)

    def stop(self) -> None:
        """Disconnect."""
        self._client.close()


def _topic(record: SinkRecord) -> str:
    return record.origin.topic
