"""One topic's rows into its collection."""

from collections.abc import Iterator
from typing import Any

from tenacity import Retrying

from mongo_sink.conversion import Batch
from mongo_sink.documents import Position, Row
from mongo_sink.preparing import prepare
from mongo_sink.rate_limit import RateLimit
from mongo_sink.task import SinkTaskContext
from mongo_sink.topic_config import TopicConfig
from mongo_sink.write_models import rows_of
from mongo_sink.writes import write


class TopicWriter:
    """Writes batches of ``topic``; what is unusable or refused is reported record by record.

    Args:
        database: where its collection is.
        topic: of the records.
        config: the topic's properties.
        context: takes what is unusable, and says when to stop.
        patiently: calls something until the server is there.
    """

    def __init__(
        self, database: Any, topic: str, config: TopicConfig, context: SinkTaskContext, patiently: Retrying
    ) -> None:
        self._database, self._topic, self._config = database, topic, config
        self._context, self._patiently = context, patiently
        self._limit = RateLimit(config.rate_timeout_ms, config.rate_every, context.stopping)
        self._prepared = False

    def write(self, batch: Batch) -> None:
        """Write the rows, and report what is not written.

        Raises:
            StoppedWaitingError: told to stop while MongoDB was away.
            PreparationError: the collection cannot be what the properties want it to be.
        """
        if not self._prepared:
            self._patiently(prepare, self._database, self._topic, self._config)
            self._prepared = True
        refused = batch.unusable | dict(self._written(batch.rows.copy()))
        records = {record.origin[:3]: record for record in batch.records} if refused else {}
        for position, error in refused.items():
            self._context.report(records[position].origin, records[position].value, error)
        self._limit.batch_written()

    def _written(self, rows: dict[Position, Row]) -> Iterator[tuple[Position, Exception]]:
        """Write the rows; yields those that are refused."""
        collection = self._database[self._config.collection]
        while rows:
            writes = self._config.strategy.writes(rows.values(), self._config.write_model_field)
            refused = self._patiently(write, collection, writes)
            for each, error in refused:
                behind = rows_of(each)
                for row in behind:
                    del rows[row.position]
                if len(behind) == 1:
                    yield behind[0].position, error
                    continue
                for row in behind:  # which of them it was shows one by one
                    yield from self._written({row.position: row})
            # What was refused had displaced others in the fold: it must not count, so fold again without it.
            if not refused:
                break
