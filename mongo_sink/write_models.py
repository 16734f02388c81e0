"""``writemodel.strategy``: how the documents of a batch become writes, each a pure fold.

Every fold keeps at most one document per ``_id``, so the writes of a batch may run in any order. What it keeps is
the least of a total order, and each write does nothing where the collection already holds as good a document. Hence
a batch may be written again, or cut anywhere, and the collection ends up the same. Among equals the first on the log
counts; records of one ``_id`` share a partition, so across batches the first on the log is also the first to come.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from mongo_sink.documents import Document, position_of


class Insert(NamedTuple):
    """Write the document unless its ``_id`` is there."""

    document: Document


class Replace(NamedTuple):
    """Write the document where its ``_id`` is absent or matches ``condition``."""

    document: Document
    condition: dict[str, Any]


class Complete(NamedTuple):
    """Write the document unless its ``_id`` is there with ``field`` set."""

    document: Document
    field: str


Write = Insert | Replace | Complete


class WriteModel(NamedTuple):
    """``fold(documents, field)`` and whether it is told a field of the documents."""

    fold: Callable[[Iterable[Document], str | None], list[Write]]
    needs_field: bool


def insert_one(documents: Iterable[Document], field: str | None) -> list[Write]:
    """Immutable: the first on the log with its ``_id`` stays for ever."""
    return [Insert(document) for document in _least(documents, position_of)]


def replace_one_greater(documents: Iterable[Document], field: str | None) -> list[Write]:
    """State: the document with the greatest ``field`` stays, in whatever order they come."""
    key = str(field)
    newest = _least(documents, lambda document: (-document[key], position_of(document)))
    return [Replace(document, {key: {"$lt": document[key]}}) for document in newest]


def replace_one_once_set(documents: Iterable[Document], field: str | None) -> list[Write]:
    """Completed once: a document whose ``field`` is set replaces the one where it was null, and then stays."""
    key = str(field)
    best = _least(documents, lambda document: (document[key] is None, position_of(document)))
    return [Insert(document) if document[key] is None else Complete(document, key) for document in best]


WRITE_MODELS = {
    # MongoDB's connector has this one; here a duplicate key means that the document is written already.
    "InsertOneDefaultStrategy": WriteModel(insert_one, needs_field=False),
    "ReplaceOneGreaterStrategy": WriteModel(replace_one_greater, needs_field=True),
    "ReplaceOneOnceSetStrategy": WriteModel(replace_one_once_set, needs_field=True),
}


def _least(documents: Iterable[Document], rank: Callable[[Document], Any]) -> Iterable[Document]:
    """Of all documents with the same ``_id``, the one of least rank."""
    kept: dict[Any, Document] = {}
    for document in documents:
        other = kept.setdefault(document["_id"], document)
        if other is not document and rank(document) < rank(other):
            kept[document["_id"]] = document
    return kept.values()
