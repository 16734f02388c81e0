"""Events as documents: Avro's field names, moments as dates, nested records nested, and where on the log it lies."""

from collections.abc import Hashable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

from schemas.events import Event
from schemas.topics import TOPICS
from schemas.wire import Origin

Document = dict[str, Any]
Position = tuple[str, int, int]  # topic, partition, offset

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


def value_of(event: Event, topic: str) -> Document:
    """The event's fields, as the post processors get them."""
    return _bson(event, _moments(topic))


def placed(document: Document, origin: Origin) -> Document:
    """The document as it is written: ``_id`` first, ``_log: {topic, partition, offset}`` last."""
    place = {"topic": origin.topic, "partition": origin.partition, "offset": origin.offset}
    if "_id" not in document:
        return {**document, "_log": place}
    return {"_id": document["_id"], **document, "_log": place}


def document_of(event: Event, origin: Origin, id_: Any) -> Document:
    """The document for ``event`` under ``id_``, where no post processor changes it."""
    return placed({"_id": id_} | value_of(event, origin.topic), origin)


def position_of(document: Document) -> Position:
    """Where on the log the document's event lies."""
    log = document["_log"]
    return log["topic"], log["partition"], log["offset"]


def date(milliseconds: int | None) -> datetime | None:
    """A moment of the log's as MongoDB's date."""
    # Not fromtimestamp(ms / 1000): a float second is not always the millisecond it came from.
    return None if milliseconds is None else _EPOCH + timedelta(milliseconds=milliseconds)


def hashable(id_: Any) -> Any:
    """What stands for an ``_id`` in a dict's keys: it may be a document."""
    return id_ if isinstance(id_, Hashable) else repr(id_)


def _bson(value: Any, moments: frozenset[str]) -> Any:
    if not isinstance(value, tuple):
        return value
    if not hasattr(value, "_fields"):
        return [_bson(item, moments) for item in value]
    return {
        name: date(field) if name in moments else _bson(field, moments)
        for name, field in zip(value._fields, value, strict=True)
    }


@cache
def _moments(topic: str) -> frozenset[str]:
    """The names of the topic's fields, nested ones too, that are moments: its schema says so."""
    found = set()
    pending: list[Any] = [TOPICS[topic].schema]
    while pending:
        match pending.pop():
            case {"name": str(name), "type": {"logicalType": "timestamp-millis"}}:
                found.add(name)
            case {"name": str(name), "type": [*branches]} if any(
                isinstance(b, dict) and "logicalType" in b for b in branches
            ):
                found.add(name)
            case dict() as node:
                pending.extend(node.values())
            case list() as nodes:
                pending.extend(nodes)
    return frozenset(found)
