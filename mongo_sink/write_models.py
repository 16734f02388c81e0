"""The writes of a batch: what each does to a collection, and of which records it comes."""

from typing import Any, NamedTuple

from mongo_sink.documents import Document, Row


class Insert(NamedTuple):
    """Write the document unless its ``_id`` is there."""

    row: Row


class Replace(NamedTuple):
    """Write ``document`` where nothing matches ``filter``, or in the place of what does.

    With ``unless_better``, a filter of more than the ``_id``, a document that is there and does not match is as good.
    ``merged`` are the records behind it where ``row`` is not the only one.
    """

    row: Row
    filter: Document
    document: Document
    merged: tuple[Row, ...] = ()
    unless_better: bool = False


class Complete(NamedTuple):
    """Write the document unless its ``_id`` is there with ``field`` set."""

    row: Row
    field: str


class Update(NamedTuple):
    """Set ``fields`` in what matches ``filter``; where nothing does, ``inserted`` too. ``rows`` are behind it."""

    rows: tuple[Row, ...]
    filter: Document
    fields: Document
    inserted: Document


class Delete(NamedTuple):
    """Remove what matches ``filter``."""

    row: Row
    filter: Document


Write = Insert | Replace | Complete | Update | Delete


def rows_of(write: Write) -> tuple[Row, ...]:
    """The records behind a write, in the order of the log."""
    match write:
        case Update():
            return write.rows
        case Replace() if write.merged:
            return write.merged
        case _:
            return (write.row,)


def filter_of(write: Write) -> Document:
    """What the write looks for, to find what is there already."""
    if isinstance(write, Insert | Complete):
        return {"_id": write.row.document["_id"]}
    return write.filter


def document_of(write: Write) -> Document:
    """What the collection holds where the write found nothing."""
    match write:
        case Update():
            # Under a business key, which has none, the server gives an _id.
            return (
                {name: value for name, value in write.filter.items() if name == "_id"} | write.fields | write.inserted
            )
        case Replace():
            return write.document
        case Delete():
            return {}
        case _:
            return write.row.document


def without_id(document: Document) -> dict[str, Any]:
    """The document's other fields."""
    return {name: value for name, value in document.items() if name != "_id"}
