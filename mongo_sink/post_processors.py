"""``post.processor.chain``: from an event's fields to the document, a pure function after the other."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from bson import Int64

from mongo_sink.documents import Document, date
from mongo_sink.ids import IdOf
from mongo_sink.projections import Projection
from mongo_sink.renames import Renamed, rename
from schemas.topics import TOPICS
from schemas.wire import Origin

Processor = Callable[[Document, Origin], Document]
TIMESTAMP_TYPES = {"CreateTime": "CREATE_TIME", "LogAppendTime": "LOG_APPEND_TIME"}


class ChainOptions(NamedTuple):
    """What the properties say of the processors."""

    id_of: IdOf
    overwrite_id: bool = False
    paths: Sequence[str] = ()
    by_mapping: Renamed | None = None
    by_rules: Renamed | None = None


def add_id(id_of: IdOf, overwrite: bool) -> Processor:
    """``DocumentIdAdder``: an ``_id``, unless the document has one that is not to be overwritten."""

    def process(document: Document, origin: Origin) -> Document:
        if "_id" not in document:
            return {"_id": id_of(document, origin), **document}
        return document | {"_id": id_of(document, origin)} if overwrite else document

    return process


def project(kind: str, paths: Sequence[str]) -> Processor:
    """``AllowListValueProjector``, ``BlockListValueProjector``: as its name says, whatever the list is called."""
    projection = Projection(kind, tuple(paths))
    return lambda document, origin: projection.of(document)


def renames(renamed: Renamed | None) -> Processor:
    """``RenameByMapping``, ``RenameByRegExp``."""
    if renamed is None:
        return _as_it_is
    return lambda document, origin: rename(document, renamed)


def add_metadata(document: Document, origin: Origin) -> Document:
    """``KafkaMetaAdder``: the place on the log and the record's timestamp, in the original's words."""
    kind = TIMESTAMP_TYPES[TOPICS[origin.topic].config.get("message.timestamp.type", "CreateTime")]
    added: Document = {"topic-partition-offset": f"{origin.topic}-{origin.partition}-{origin.offset}"}
    if origin.timestamp is not None:
        added[kind] = Int64(origin.timestamp)
    return document | added


def remove_nulls(document: Document, origin: Origin) -> Document:
    """``NullFieldValueRemover``: without the fields that are null, in documents below and in arrays too."""
    return {name: _without_nulls(value) for name, value in document.items() if value is not None}


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(item) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) if isinstance(item, dict) else item for item in value]
    return value


def convert_time(field: str) -> Processor:
    """``timeseries.timefield.auto.convert``: milliseconds, or ISO 8601 in text, to a date; what is neither stays."""

    def process(document: Document, origin: Origin) -> Document:
        value = document.get(field)
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            return document
        try:
            return document | {field: _moment(value)}
        except (ValueError, OverflowError):
            return document  # as the original does; the server refuses it, and it becomes a dead letter

    return process


def _moment(value: float | str) -> datetime | None:
    if not isinstance(value, str):
        return date(int(value))
    moment = datetime.fromisoformat(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _as_it_is(document: Document, origin: Origin) -> Document:
    return document


POST_PROCESSORS: dict[str, Callable[[ChainOptions], Processor]] = {
    "DocumentIdAdder": lambda options: add_id(options.id_of, options.overwrite_id),
    "AllowListValueProjector": lambda options: project("allow", options.paths),
    "BlockListValueProjector": lambda options: project("block", options.paths),
    "WhitelistValueProjector": lambda options: project("allow", options.paths),
    "BlacklistValueProjector": lambda options: project("block", options.paths),
    "RenameByMapping": lambda options: renames(options.by_mapping),
    "RenameByRegExp": lambda options: renames(options.by_rules),
    "KafkaMetaAdder": lambda options: add_metadata,
    "NullFieldValueRemover": lambda options: remove_nulls,
}


def chain_of(names: Sequence[str], options: ChainOptions, time_field: str | None = None) -> Processor:
    """The processors in their order; first of all ``DocumentIdAdder`` where it is not among them.

    Args:
        names: by class.
        options: what the properties say of them.
        time_field: to be converted last of all.
    """
    ordered = names if "DocumentIdAdder" in names else ("DocumentIdAdder", *names)
    processors = [POST_PROCESSORS[name](options) for name in ordered]
    if time_field is not None:
        processors.append(convert_time(time_field))

    def process(document: Document, origin: Origin) -> Document:
        for processor in processors:
            document = processor(document, origin)
        return document

    return process
