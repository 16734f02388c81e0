"""One topic's way into its collection: record by record a document, batch by batch the writes."""

from collections.abc import Iterator, Sequence
from typing import Any

from tenacity import Retrying

from mongo_sink.documents import Position, Row, UnusableRecordError, placed, value_of
from mongo_sink.ids import ID_STRATEGIES, IdOf, IdOptions, object_id
from mongo_sink.keys import deleted_id
from mongo_sink.post_processors import ChainOptions, Processor, chain_of
from mongo_sink.preparing import prepare
from mongo_sink.rate_limit import RateLimit
from mongo_sink.renames import by_mapping, by_rules, mapping_of, rules_of
from mongo_sink.task import SinkRecord, SinkTaskContext
from mongo_sink.topic_config import TopicConfig
from mongo_sink.write_models import rows_of
from mongo_sink.writes import DocumentRefusedError, unwritable, write

# Of Avro; a document is larger, for it has its fields' names, but not 64 times.
LARGE = 256 * 1024


class TopicWriter:
    """Writes the records of ``topic``; what is unusable or refused is reported one by one.

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
        self._chain, self._id_of = chain(config), id_of(config)
        self._limit = RateLimit(config.rate_timeout_ms, config.rate_every, context.stopping)
        self._prepared = False

    def write(self, records: Sequence[SinkRecord]) -> None:
        """Write the records, in batches of at most ``max.batch.size``.

        Raises:
            StoppedWaitingError: told to stop while MongoDB was away.
            PreparationError: the collection cannot be what the properties want it to be.
        """
        if not self._prepared:
            self._patiently(prepare, self._database, self._topic, self._config)
            self._prepared = True
        size = self._config.max_batch_size or max(len(records), 1)
        for start in range(0, len(records), size):
            self._batch({record.origin[:3]: record for record in records[start : start + size]})
            self._limit.batch_written()

    def _batch(self, records: dict[Position, SinkRecord]) -> None:
        rows: dict[Position, Row] = {}
        for position, record in records.items():
            try:
                rows[position] = self.row_of(record)
            except (UnusableRecordError, DocumentRefusedError) as unusable:
                self._context.report(record.origin, record.value, unusable)
        for position, error in self._written(rows):
            self._context.report(records[position].origin, records[position].value, error)

    def row_of(self, record: SinkRecord) -> Row:
        """What is to be written of a record.

        Raises:
            UnusableRecordError: its document lacks what the properties want of it.
            DocumentRefusedError: it is too large. The driver says so of inserts only; of all else the server breaks
                the connection, which looks as if it were away.
        """
        config, origin = self._config, record.origin
        key = None if config.strategy.needs_id else deleted_id(origin, config.key_field)
        if record.event is None:
            return Row(origin, placed({"_id": self._id_of({}, origin)}, origin), tombstone=True, key=key)
        document = self._chain(value_of(record.event, origin.topic), origin)
        if "_id" not in document and config.strategy_name == "InsertOneDefaultStrategy":
            # The original has the driver give one, another at each delivery.
            document = document | {"_id": object_id(origin)}
        row = Row(origin, placed(document, origin), key=key)
        config.strategy.check(row, config.write_model_field)
        if len(record.value) > LARGE and (error := unwritable(row.document)):
            raise error
        return row

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


def id_of(config: TopicConfig) -> IdOf:
    """The ``_id`` as the topic's properties say."""
    options = IdOptions(
        config.id_field, config.uuid_format, config.id_projection, config.key_field, config.key_projection
    )
    return ID_STRATEGIES[config.id_strategy].make(options)


def chain(config: TopicConfig) -> Processor:
    """From an event's fields to its document, as the topic's properties say."""
    mapping, rules = mapping_of(config.mapping), rules_of(config.rules)
    options = ChainOptions(
        id_of(config),
        config.overwrite_id,
        config.projection_list,
        by_mapping(mapping) if mapping else None,
        by_rules(rules) if rules else None,
    )
    return chain_of(config.processors, options, config.time_field if config.convert_time else None)
