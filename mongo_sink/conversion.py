"""Records as rows to be written, as a topic's properties say; no server is asked."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from mongo_sink.documents import Position, Row, UnusableRecordError, placed, value_of
from mongo_sink.ids import ID_STRATEGIES, IdOf, IdOptions, object_id
from mongo_sink.keys import deleted_id
from mongo_sink.post_processors import ChainOptions, Processor, chain_of
from mongo_sink.renames import by_mapping, by_rules, mapping_of, rules_of
from mongo_sink.task import SinkRecord
from mongo_sink.topic_config import TopicConfig
from mongo_sink.writes import DocumentRefusedError, unwritable

# Of Avro; a document is larger, for it has its fields' names, but not 64 times.
LARGE = 256 * 1024


class Batch(NamedTuple):
    """At most ``max.batch.size`` records: the rows of those that can be written, and what is wrong with the others."""

    records: Sequence[SinkRecord]
    rows: dict[Position, Row]
    unusable: dict[Position, Exception]


class Conversion:
    """How the records of a topic become rows."""

    def __init__(self, config: TopicConfig) -> None:
        self._config, self._chain, self._id_of = config, chain(config), id_of(config)
        self._strategy = config.strategy
        self._own_ids = config.strategy_name == "InsertOneDefaultStrategy"

    def batches(self, records: Sequence[SinkRecord]) -> Iterator[Batch]:
        """The records in batches; of one place on the log only the last."""
        size = self._config.max_batch_size or max(len(records), 1)
        for start in range(0, len(records), size):
            batch = Batch(records[start : start + size], {}, {})
            for record in batch.records:
                try:
                    batch.rows[record.origin[:3]] = self.row_of(record)
                except (UnusableRecordError, DocumentRefusedError) as error:
                    batch.unusable[record.origin[:3]] = error
            yield batch

    def row_of(self, record: SinkRecord) -> Row:
        """What is to be written of a record.

        Raises:
            UnusableRecordError: its document lacks what the properties want of it.
            DocumentRefusedError: it is too large. The driver says so of inserts only; of all else the server breaks
                the connection, which looks as if it were away.
        """
        origin = record.origin
        key = None if self._strategy.needs_id else deleted_id(origin, self._config.key_field)
        if record.fields is None:
            return Row(origin, placed({"_id": self._id_of({}, origin)}, origin), tombstone=True, key=key)
        document = self._chain(value_of(record.fields, origin.topic), origin)
        if self._own_ids and "_id" not in document:
            # The original has the driver give one, another at each delivery.
            document = document | {"_id": object_id(origin)}
        row = Row(origin, placed(document, origin), False, key)
        self._strategy.check(row, self._config.write_model_field)
        if len(record.value) > LARGE and (error := unwritable(row.document)):
            raise error
        return row


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
