"""The task that writes documents to MongoDB, or to what speaks its protocol."""

from collections.abc import Sequence
from itertools import groupby

from mongo_sink import positions
from mongo_sink.config import MongoConfig
from mongo_sink.conversion import Batch, Conversion
from mongo_sink.mongo_client import connect
from mongo_sink.positions import Place, Positions
from mongo_sink.server_time import ServerTime
from mongo_sink.task import Properties, SinkRecord, SinkTaskContext
from mongo_sink.topic_writer import TopicWriter
from mongo_sink.waiting import waiting
from mongo_sink.writes import TRANSIENT

Batches = list[tuple[str, Batch]]


class MongoSinkTask:
    """Documents by topic: folded, written acknowledged; what is refused is reported one by one."""

    def __init__(self, context: SinkTaskContext) -> None:
        self._context = context
        self._server_time = ServerTime()

    @property
    def server_seconds(self) -> float:
        """How long MongoDB has been at it."""
        return self._server_time.seconds

    def start(self, config: Properties) -> None:
        """Connect; whether the server is there shows at the first write."""
        self._config = MongoConfig.of(config)
        self._client = connect(self._config.uri, self._server_time)
        self._database = self._client[self._config.database]
        self._positions = self._database[positions.COLLECTION]
        self._patiently = waiting("MongoDB", TRANSIENT, self._context.stopping)
        self._conversions = {topic: Conversion(own) for topic, own in self._config.by_topic.items()}
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

    def converted(self, records: Sequence[SinkRecord]) -> Batches:
        """By topic, their rows."""
        by_topic = groupby(sorted(records, key=_topic), key=_topic)
        return [(topic, batch) for topic, group in by_topic for batch in self._conversions[topic].batches(list(group))]

    def put(self, converted: Batches) -> None:
        """Write the batches.

        Raises:
            StoppedWaitingError: told to stop while MongoDB was away.
            PreparationError: a collection cannot be what the properties want it to be.
        """
        for topic, batch in converted:
            self._writers[topic].write(batch)

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
