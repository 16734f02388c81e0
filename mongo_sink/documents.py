"""Events as documents: Avro's field names, moments as dates, nested records nested, and where on the log it lies."""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from schemas.events import Event
from schemas.topics import TOPICS
from schemas.wire import Origin

Document = dict[str, Any]
Position = tuple[str, int, int]  # topic, partition, offset

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def document_of(event: Event, origin: Origin, id_: Any) -> Document:
    """The document for ``event``: ``_id``, its fields, ``_log: {topic, partition, offset}``."""
    document = {"_id": id_} | _bson(event, _moments(origin.topic))
    document["_log"] = {"topic": origin.topic, "partition": origin.partition, "offset": origin.offset}
    return document


def position_of(document: Document) -> Position:
    """Where on the log the document's event lies."""
    log = document["_log"]
    return log["topic"], log["partition"], log["offset"]


def _bson(value: Any, moments: frozenset[str]) -> Any:
    if not isinstance(value, tuple):
        return value
    if not hasattr(value, "_fields"):
        return [_bson(item, moments) for item in value]
    return {
        name: _date(field) if name in moments else _bson(field, moments)
        for name, field in zip(value._fields, value, strict=True)
    }


def _date(milliseconds: int | None) -> datetime | None:
    # Not fromtimestamp(ms / 1000): a float second is not always the millisecond it came from.
    return None if milliseconds is None else _EPOCH + timedelta(milliseconds=milliseconds)


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
