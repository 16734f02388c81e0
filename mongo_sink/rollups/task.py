"""The task that keeps the roll-ups of ``predictions`` in MongoDB, or in what speaks its protocol."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from pymongo import InsertOne, ReplaceOne
from pymongo.errors import BulkWriteError

from mongo_sink import positions
from mongo_sink.config import RollUpConfig
from mongo_sink.documents import Document, UnusableRecordError
from mongo_sink.held import with_ids
from mongo_sink.mongo_client import connect
from mongo_sink.positions import Place, Positions
from mongo_sink.rollups.fold import GRAINS, Grain, id_of, rolled_up
from mongo_sink.rollups.scores import Score, score_of
from mongo_sink.server_time import ServerTime
from mongo_sink.task import Properties, SinkRecord, SinkTaskContext
from mongo_sink.waiting import waiting
from mongo_sink.writes import DUPLICATE, PASSING, TRANSIENT, DocumentRefusedError, ServerNotReadyError, unwritable

IDS_A_FIND = 1_000


class Scores(NamedTuple):
    """The scores of a batch, and what of it has none although it should."""

    scores: list[Score]
    unusable: list[tuple[SinkRecord, UnusableRecordError]]
    values: dict[tuple[str, int, int], bytes]


class RollUpSinkTask:
    """A document for each grain, read, folded further and written if nobody else has written it meanwhile."""

    def __init__(self, context: SinkTaskContext) -> None:
        self._context = context
        self._server_time = ServerTime()

    @property
    def server_seconds(self) -> float:
        """How long MongoDB has been at it."""
        return self._server_time.seconds

    def start(self, config: Properties) -> None:
        """Connect; whether the server is there shows at the first write."""
        self._config = RollUpConfig.of(config)
        self._client = connect(self._config.uri, self._server_time)
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

    def converted(self, records: Sequence[SinkRecord]) -> Scores:
        """Their scores."""
        batch = Scores([], [], {})
        for record in records:
            try:
                score = score_of(record.origin, record.fields) if record.fields else None
            except UnusableRecordError as error:
                batch.unusable.append((record, error))
                continue
            if score is not None:
                batch.scores.append(score)
                batch.values[record.origin[:3]] = record.value
        return batch

    def put(self, converted: Scores) -> None:
        """Fold the scores in, and report what cannot be.

        Raises:
            StoppedWaitingError: told to stop while MongoDB was away.
        """
        for record, error in converted.unusable:
            self._context.report(record.origin, record.value, error)
        for grain in GRAINS:
            refused = self._patiently(fold_in, self._database[grain.collection], grain, converted.scores)
            for score in converted.scores if refused else ():
                if (why := refused.get(id_of(grain, score))) is not None:
                    self._context.report(score.origin, converted.values[score.origin[:3]], why)

    def flush(self) -> None:
        """Nothing to do: ``put`` returns when the writes are acknowledged."""

    def pre_commit(self, held: Positions) -> None:
        """Note up to where the roll-ups hold the log, beside them.

        Raises:
            StoppedWaitingError: told to stop while MongoDB was away.
        """
        self._patiently(positions.hold, self._positions, self._config.name, held)

    def stop(self) -> None:
        """Disconnect."""
        self._client.close()


def fold_in(collection: Any, grain: Grain, scores: Sequence[Score]) -> dict[str, DocumentRefusedError]:
    """Fold the scores into a collection's documents, acknowledged; done again, it changes nothing.

    Returns:
        The documents that no server takes, and why; they stay as they were.

    Raises:
        pymongo.errors.PyMongoError, ServerNotReadyError: those in ``TRANSIENT`` pass; folding again is harmless.
    """
    held = _held(collection, {id_of(grain, score) for score in scores})
    changed = rolled_up(grain, held, scores)
    refused = {id_: why for id_, document in changed.items() if (why := unwritable(document))}
    _write(collection, held, [document for id_, document in changed.items() if id_ not in refused])
    return refused


def _held(collection: Any, ids: Iterable[str]) -> dict[str, Document]:
    return {document["_id"]: document for document in with_ids(collection, sorted(ids))}


def _write(collection: Any, held: Mapping[str, Document], documents: Sequence[Document]) -> None:
    """Write documents, each in the place of the one that it was folded from.

    Two tasks may fold into one, where a partition has just changed hands: then the number of scored forecasts has
    changed, or the ``_id`` is there, and folding begins anew.
    """
    models = [
        ReplaceOne({"_id": document["_id"], "scored": before["scored"]}, document)
        if (before := held.get(document["_id"]))
        else InsertOne(document)
        for document in documents
    ]
    if not models:
        return
    try:
        done = collection.bulk_write(models, ordered=False)
    except BulkWriteError as error:
        if error.details["writeConcernErrors"] or all(
            each["code"] in PASSING | {DUPLICATE} for each in error.details["writeErrors"]
        ):
            raise ServerNotReadyError(f"roll-ups: {error.details}") from error
        raise
    if done.inserted_count + done.matched_count < len(models):
        raise ServerNotReadyError("a roll-up was written by another in between")
