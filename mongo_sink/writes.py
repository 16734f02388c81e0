"""A batch of writes to one collection: what is refused document by document, and what passes by waiting."""

from collections.abc import Iterable, Sequence
from typing import Any

from bson import encode
from bson.errors import InvalidDocument
from pymongo import InsertOne, ReplaceOne
from pymongo.errors import AutoReconnect, BulkWriteError, DocumentTooLarge, WriteConcernError

from mongo_sink.documents import Document, Position, position_of
from mongo_sink.write_models import Complete, Insert, Replace, Write

DUPLICATE = 11000
# Per-document errors that say something about the server, not about the document: shutting down, not primary any
# more, interrupted, out of disk. They pass.
PASSING = frozenset({6, 7, 89, 91, 189, 262, 9001, 10107, 11600, 11602, 13388, 13435, 13436, 14031})
MAX_BSON = 16 * 1024 * 1024

Refused = dict[Position, "DocumentRefusedError"]


class DocumentRefusedError(ValueError):
    """MongoDB, or its driver, does not take this document."""


class ServerNotReadyError(Exception):
    """MongoDB refused a write for a reason that passes."""


TRANSIENT = (AutoReconnect, WriteConcernError, ServerNotReadyError)


def write(collection: Any, writes: Sequence[Write]) -> Refused:
    """Do the writes, in any order, acknowledged.

    Returns:
        The positions of the documents that were refused, and why. If the driver refused the batch for the sake of
        some, the others are not written yet: they are to be written again without those named.

    Raises:
        pymongo.errors.PyMongoError, ServerNotReadyError: those in ``TRANSIENT`` pass; writing again is harmless.
    """
    writes, models = _models(collection, writes)
    if not models:
        return {}
    try:
        collection.bulk_write(models, ordered=False)
    except BulkWriteError as error:
        if error.details["writeConcernErrors"]:
            raise ServerNotReadyError(f"write concern: {error.details['writeConcernErrors'][0]}") from error
        return _refused(writes, error.details["writeErrors"])
    except (InvalidDocument, DocumentTooLarge, OverflowError):
        refused = dict(_unencodable(writes))
        if not refused:
            raise
        return refused
    return {}


def _models(collection: Any, writes: Sequence[Write]) -> tuple[list[Write], list[Any]]:
    """The writes that are still to be done, and each as the driver's model."""
    held = _held(collection, [each for each in writes if isinstance(each, Complete)])
    left: list[Write] = []
    models: list[InsertOne[Document] | ReplaceOne[Document]] = []
    for each in writes:
        id_ = each.document["_id"]
        match each:
            case Insert(document):
                models.append(InsertOne(document))
            case Replace(document, condition):
                # Where the condition fails, the upsert runs into the unique _id: as good a document is there.
                models.append(ReplaceOne({"_id": id_, **condition}, document, upsert=True))
            case Complete(document) if id_ not in held:
                models.append(InsertOne(document))
            case Complete(document) if held[id_] is None:
                models.append(ReplaceOne({"_id": id_}, document, upsert=True))
            case _:
                continue
        left.append(each)
    return left, models


def _held(collection: Any, writes: Sequence[Complete]) -> dict[Any, Any]:
    """By ``_id``, the field of the documents that are there.

    A replacement on ``{_id, field: null}`` would need no reading, but the embedded stand-in answers any filter of more
    than ``_id`` by scanning the collection (100 a second). Reading first is safe, for the writer is alone: a
    partition has one consumer. One that lost it without knowing writes what its successor wrote before: both began at
    the same committed offset, and the first complete document from there on is the same.
    """
    if not writes:
        return {}
    field = writes[0].field
    ids = [each.document["_id"] for each in writes]
    return {row["_id"]: row.get(field) for row in collection.find({"_id": {"$in": ids}}, {field: 1})}


def _refused(writes: Sequence[Write], errors: Iterable[dict[str, Any]]) -> Refused:
    refused = {}
    for error in errors:
        each = writes[error["index"]]
        if error["code"] == DUPLICATE:
            if isinstance(each, Complete):
                raise ServerNotReadyError(f"{each.document['_id']} was inserted by another in between")
            continue
        message = f"{error['code']}: {error['errmsg']}"
        if error["code"] in PASSING:
            raise ServerNotReadyError(message)
        refused[position_of(each.document)] = DocumentRefusedError(message)
    return refused


def _unencodable(writes: Iterable[Write]) -> Iterable[tuple[Position, DocumentRefusedError]]:
    for each in writes:
        try:
            size = len(encode(each.document))
        except (InvalidDocument, OverflowError) as error:
            yield position_of(each.document), DocumentRefusedError(f"not BSON: {error}")
            continue
        if size > MAX_BSON:
            yield position_of(each.document), DocumentRefusedError(f"{size} bytes of BSON are more than {MAX_BSON}")
