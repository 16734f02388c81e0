"""Records as documents: Avro's field names, moments as dates, nested records nested, and where on the log it lies."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

from bson import Int64

from schemas.topics import TOPICS
from schemas.wire import Origin

Document = dict[str, Any]
Position = tuple[str, int, int]  # topic, partition, offset
Convert = Callable[[Any], Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class UnusableRecordError(ValueError):
    """There is no making a document of this record in the way the connector's properties want it."""


class Row(NamedTuple):
    """A record as it is to be written; of a tombstone, that has none, ``document`` is only ``_id`` and place.

    ``key`` is the ``_id`` that the record's key stands for, where one deletes by it.
    """

    origin: Origin
    document: Document
    tombstone: bool = False
    key: Any = None

    @property
    def position(self) -> Position:
        """Where on the log it lies."""
        return self.origin[:3]


def value_of(record: Document, topic: str) -> Document:
    """The fields of a record as Avro has it, as the post processors get them: as MongoDB's connector makes them."""
    typed: Document = _document(topic)(record)
    return typed


def placed(document: Document, origin: Origin) -> Document:
    """The document as it is written: ``_id`` first, ``_log`` last. Changes it.

    ``_log`` is ``{topic, partition, offset}``, and ``written_at`` where the record says that.
    """
    if "_id" in document and next(iter(document)) != "_id":
        document = {"_id": document["_id"], **document}
    document.pop("_log", None)
    document["_log"] = {"topic": origin.topic, "partition": origin.partition, "offset": origin.offset}
    if origin.written_at is not None:
        document["_log"]["written_at"] = date(origin.written_at)
    return document


def position_of(document: Document) -> Position:
    """Where on the log the document's event lies."""
    log = document["_log"]
    return log["topic"], log["partition"], log["offset"]


def date(milliseconds: int | None) -> datetime | None:
    """A moment of the log's as MongoDB's date."""
    # Not fromtimestamp(ms / 1000): a float second is not always the millisecond it came from.
    return None if milliseconds is None else _EPOCH + timedelta(milliseconds=milliseconds)


def hashable(id_: Any) -> Any:
    """What stands for an ``_id`` in a dict's keys: the same for all that MongoDB takes for one ``_id``.

    An ``_id`` may be a document, whose values need not look as they did once they are read back: a date comes with
    another class of time zone, a number may be an ``int`` for an ``Int64``.
    """
    if type(id_) is str:  # mostly so
        return id_
    if isinstance(id_, dict):
        return dict, tuple((name, hashable(value)) for name, value in id_.items())
    if isinstance(id_, list):
        return list, tuple(map(hashable, id_))
    return (float, None) if id_ != id_ else id_  # NaN is itself there


@cache
def _document(topic: str) -> Convert:
    return _conversion(TOPICS[topic].schema, {}) or dict


def _conversion(schema: Any, named: dict[str, Convert | None]) -> Convert | None:
    """What makes BSON's value of Avro's; None where it is that value. A long has 64 bits, whatever it holds."""
    match schema:
        case "long":
            return Int64
        case {"type": "record", "name": name, "fields": fields}:
            conversions = [(each["name"], _conversion(each["type"], named)) for each in fields]
            other = [(field, convert) for field, convert in conversions if convert]
            named[name] = _in_fields(other) if other else None
            return named[name]
        case {"type": "array", "items": items} if convert := _conversion(items, named):
            return _in_items(convert)
        case {"type": "map", "values": values} if convert := _conversion(values, named):
            return _in_values(convert)
        case ["null", branch] | [branch, "null"] if convert := _conversion(branch, named):
            return _unless_null(convert)
        case str():
            return named.get(schema)
        case _:
            return None


def _in_fields(fields: list[tuple[str, Convert]]) -> Convert:
    def convert(record: Document) -> Document:
        record = record.copy()
        for name, converted in fields:
            record[name] = converted(record[name])
        return record

    return convert


def _in_items(convert: Convert) -> Convert:
    return lambda items: [convert(item) for item in items]


def _in_values(convert: Convert) -> Convert:
    return lambda pairs: {key: convert(value) for key, value in pairs.items()}


def _unless_null(convert: Convert) -> Convert:
    return lambda value: None if value is None else convert(value)
