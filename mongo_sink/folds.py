"""How the records of a batch become writes, each a pure fold.

Every fold leaves at most one write for each ``_id`` (or business key), so the writes of a batch may run in any order,
and ends where MongoDB's connector does with an ordered bulk: of ``ReplaceOne…`` the last on the log counts, of
``UpdateOne…`` the fields of all, the later over the earlier. A batch may be cut anywhere, and written again from any
commit on, and the collection ends up the same. ``InsertOne…`` and the project's own two keep the least of a total
order and write nothing where the collection holds as good a document: those do not even go back on the way.
"""

from collections.abc import Callable, Iterable
from typing import Any

from mongo_sink.documents import Document, Row, date, hashable
from mongo_sink.write_models import Complete, Delete, Insert, Replace, Update, Write, without_id

INSERTED, MODIFIED = "_insertedTS", "_modifiedTS"


def insert_one(rows: Iterable[Row], field: str | None) -> list[Write]:
    """Immutable: the first on the log with its ``_id`` stays for ever."""
    firsts: dict[Any, Row] = {}
    for row in rows:
        held = firsts.setdefault(hashable(row.document["_id"]), row)
        if row is not held and row.position < held.position:
            firsts[hashable(row.document["_id"])] = row
    return [Insert(row) for row in firsts.values()]


def replace_one(rows: Iterable[Row], field: str | None) -> list[Write]:
    """The last on the log stays."""
    return [_replace(group[-1], {"_id": id_of(group[-1])}) for group in groups(rows, id_of)]


def replace_one_business_key(rows: Iterable[Row], field: str | None) -> list[Write]:
    """The last on the log with its business key stays, under an ``_id`` of the server's."""
    return [_replace(group[-1], business_key(group[-1])) for group in groups(rows, business_key)]


def update_one(rows: Iterable[Row], field: str | None) -> list[Write]:
    """The fields of all, the later over the earlier."""
    return [Update(tuple(group), {"_id": id_of(group[0])}, _merged(group), {}) for group in groups(rows, id_of)]


def update_one_timestamps(rows: Iterable[Row], field: str | None) -> list[Write]:
    """As ``update_one``, with when it was inserted and modified: moments of the log, so that a replay has the same."""
    return [_stamped(group, {"_id": id_of(group[0])}) for group in groups(rows, id_of)]


def update_one_business_key(rows: Iterable[Row], field: str | None) -> list[Write]:
    """As ``update_one_timestamps``, by business key."""
    return [_stamped(group, business_key(group[0])) for group in groups(rows, business_key)]


def delete_one(rows: Iterable[Row], field: str | None) -> list[Write]:
    """What the record's key is the ``_id`` of goes."""
    return [Delete(group[-1], {"_id": group[-1].key}) for group in groups(rows, lambda row: row.key)]


def delete_one_business_key(rows: Iterable[Row], field: str | None) -> list[Write]:
    """What has the business key goes."""
    return [Delete(group[-1], business_key(group[-1])) for group in groups(rows, business_key)]


def replace_one_greater(rows: Iterable[Row], field: str | None) -> list[Write]:
    """State: the document with the greatest ``field`` stays, in whatever order they come."""
    key = str(field)
    writes: list[Write] = []
    for group in groups(rows, id_of):
        greatest = max(row.document[key] for row in group)
        row = _first([row for row in group if row.document[key] == greatest])
        writes.append(Replace(row, {"_id": id_of(row), key: {"$lt": greatest}}, row.document, unless_better=True))
    return writes


def replace_one_once_set(rows: Iterable[Row], field: str | None) -> list[Write]:
    """Completed once: a document whose ``field`` is set replaces the one where it was null, and then stays."""
    key = str(field)
    writes: list[Write] = []
    for group in groups(rows, id_of):
        complete = [row for row in group if row.document[key] is not None]
        writes.append(Complete(_first(complete), key) if complete else Insert(_first(group)))
    return writes


def id_of(row: Row) -> Any:
    """The row's ``_id``."""
    return row.document["_id"]


def business_key(row: Row) -> Document:
    """The fields of the row's ``_id`` as a filter: documents in it by dotted names."""
    return dict(_flat("", row.document["_id"]))


def groups(rows: Iterable[Row], key: Callable[[Row], Any]) -> list[list[Row]]:
    """The rows that have a key in common, in the order in which they came, which is the log's in each partition."""
    grouped: dict[Any, list[Row]] = {}
    for row in rows:
        own = hashable(key(row))
        if own in grouped:
            grouped[own].append(row)
        else:
            grouped[own] = [row]
    return list(grouped.values())


def _first(rows: list[Row]) -> Row:
    return rows[0] if len(rows) == 1 else min(rows, key=lambda row: row.position)


def _replace(row: Row, filter_: Document) -> Replace:
    # The server gives an _id to what is found by a business key: it must not be another than the one there.
    return Replace(row, filter_, row.document if "_id" in filter_ else without_id(row.document))


def _merged(group: list[Row]) -> Document:
    fields: Document = {}
    for row in group:
        fields |= without_id(row.document)
    return fields


def _stamped(group: list[Row], filter_: Document) -> Update:
    modified, inserted = date(group[-1].origin.timestamp), date(group[0].origin.timestamp)
    return Update(tuple(group), filter_, _merged(group) | {MODIFIED: modified}, {INSERTED: inserted})


def _flat(prefix: str, document: Document) -> Iterable[tuple[str, Any]]:
    for name, value in document.items():
        if isinstance(value, dict):
            yield from _flat(f"{prefix}{name}.", value)
        else:
            yield prefix + name, value
