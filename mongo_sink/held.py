"""What a collection holds already, and which writes of a batch are none for that."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mongo_sink.documents import Document, hashable
from mongo_sink.write_models import Complete, Delete, Replace, Update, Write, filter_of, rows_of

LAST_COUNTS = (Replace, Update, Delete)
IDS_A_FIND = 200
"""That are asked for at once. The embedded stand-in holds each document that it finds against all of them: 5,000 at
once take seven times as long."""


def with_ids(collection: Any, ids: Sequence[Any], projection: Mapping[str, int] | None = None) -> Iterator[Document]:
    """The documents with some ids that are there."""
    for start in range(0, len(ids), IDS_A_FIND):
        yield from collection.find({"_id": {"$in": ids[start : start + IDS_A_FIND]}}, projection)


def fields_held(collection: Any, writes: Sequence[Complete]) -> dict[Any, Any]:
    """By ``_id``, the field of the documents that are there.

    A replacement on ``{_id, field: null}`` would need no reading, but the embedded stand-in answers any filter of more
    than ``_id`` by scanning the collection (100 a second). Reading first is safe, for the writer is alone: a
    partition has one consumer. One that lost it without knowing writes what its successor wrote before: both began at
    the same committed offset, and the first complete document from there on is the same.
    """
    if not writes:
        return {}
    field = writes[0].field
    ids = [each.row.document["_id"] for each in writes]
    return {hashable(row["_id"]): row.get(field) for row in with_ids(collection, ids, {field: 1})}


def not_overtaken(collection: Any, writes: Sequence[Write]) -> list[Write]:
    """The writes less those of records that lie before the one whose document is there.

    Where the last on the log counts, a record that comes late must not be it: one that is put in after all, or one of
    a task that has lost its partition without knowing. What is written by business key is not looked for.
    """
    ids = [filter_of(each)["_id"] for each in writes if _last_counts(each)]
    if not ids:
        return list(writes)
    found = with_ids(collection, ids, {"_log": 1})
    places = {hashable(row["_id"]): row["_log"] for row in found if "_log" in row}
    return [each for each in writes if not (_last_counts(each) and _overtaken(each, places))]


def _last_counts(each: Write) -> bool:
    return isinstance(each, LAST_COUNTS) and filter_of(each).keys() == {"_id"}


def _overtaken(each: Write, places: dict[Any, Any]) -> bool:
    there, last = places.get(hashable(filter_of(each)["_id"])), rows_of(each)[-1].origin
    if there is None or (there["topic"], there["partition"]) != (last.topic, last.partition):
        return False
    return bool(there["offset"] > last.offset)
