"""The task that writes documents to MongoDB, or to what speaks its protocol."""

from collections.abc import Sequence
from itertools import groupby

from pymongo import MongoClient

from mongo_sink import positions
from mongo_sink.config import MongoConfig, TopicConfig
from mongo_sink.documents import Document, Position, document_of
from mongo_sink.ids import ID_STRATEGIES
from mongo_sink.positions import Place, Positions
from mongo_sink.task import Properties, SinkRecord, SinkTaskContext
from mongo_sink.waiting import waiting
from mongo_sink.write_models import WRITE_MODELS
from mongo_sink.writes import TRANSIENT, write


def connect(uri: str) -> MongoClient[Document]:
    """A client that gives up on an attempt soon enough to be told to stop."""
    # connectTimeoutMS is also the heartbeats': a short one cuts off a server that is merely busy.
    return MongoClient(
        uri, serverSelectionTimeoutMS=3000, connectTimeoutMS=20_000, socketTimeoutMS=120_000, tz_aware=True
    )


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
        """
        for topic, group in groupby(sorted(records, key=_topic), key=_topic):
            self._put(self._config.by_topic[topic], {record.origin[:3]: record for record in group})

    def _put(self, config: TopicConfig, records: dict[Position, SinkRecord]) -> None:
        id_of = ID_STRATEGIES[config.id_strategy].id_of
        fold = WRITE_MODELS[config.write_model].fold
        documents = {
            position: document_of(record.event, record.origin, id_of(record.event, record.origin, config.id_field))
            for position, record in records.items()
        }
        collection = self._database[config.collection]
        while documents:
            writes = fold(documents.values(), config.write_model_field)
            refused = self._patiently(write, collection, writes)
            for position, error in refused.items():
                record = records[position]
                self._context.report(record.origin, record.value, error)
                del documents[position]
            # What was refused had displaced others in the fold: it must not count, so fold again without it.
            if not refused:
                break

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
