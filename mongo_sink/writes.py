"""A batch of writes to one collection: what is refused record by record, and what passes by waiting."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from bson import encode
from bson.errors import InvalidDocument
from pymongo import DeleteOne, InsertOne, ReplaceOne, UpdateOne
from pymongo.errors import AutoReconnect, BulkWriteError, DocumentTooLarge, WriteConcernError

from mongo_sink.documents import Document, hashable
from mongo_sink.held import fields_held, not_overtaken
from mongo_sink.write_models import Complete, Delete, Insert, Replace, Update, Write, document_of, filter_of

DUPLICATE = 11000
# Per-document errors that say something about the server, not about the document: shutting down, not primary any
# more, interrupted, out of disk. They pass.
PASSING = frozenset({6, 7, 89, 91, 189, 262, 9001, 10107, 11600, 11602, 13388, 13435, 13436, 14031})
MAX_BSON = 16 * 1024 * 1024

Model = InsertOne[Document] | ReplaceOne[Document] | UpdateOne | DeleteOne
Refused = list[tuple[Write, "DocumentRefusedError"]]


class DocumentRefusedError(ValueError):
    """MongoDB, or its driver, does not take this document."""


class ServerNotReadyError(Exception):
    """MongoDB refused a write for a reason that passes."""


TRANSIENT = (AutoReconnect, WriteConcernError, ServerNotReadyError)


def write(collection: Any, writes: Sequence[Write]) -> Refused:
    """Do the writes, in any order, acknowledged.

    Returns:
        The writes that were refused, and why. If the driver refused the batch for the sake of some, the others are
        not done yet: they are to be done again without those named.

    Raises:
        pymongo.errors.PyMongoError, ServerNotReadyError: those in ``TRANSIENT`` pass; writing again is harmless.
    """
    if not writes:
        return []
    inserted = [each.row.document for each in writes if isinstance(each, Insert)]
    try:
        if len(inserted) == len(writes):  # mostly so, and then it takes no model for each of them
            collection.insert_many(inserted, ordered=False)
        else:
            writes, models = _models(collection, writes)
            if models:
                collection.bulk_write(models, ordered=False)
    except BulkWriteError as error:
        if error.details["writeConcernErrors"]:
            raise ServerNotReadyError(f"write concern: {error.details['writeConcernErrors'][0]}") from error
        return list(_refused(writes, error.details["writeErrors"]))
    except (InvalidDocument, DocumentTooLarge, OverflowError):
        refused = list(_unencodable(writes))
        if not refused:
            raise
        return refused
    return []


def _models(collection: Any, writes: Sequence[Write]) -> tuple[list[Write], list[Model]]:
    """The writes that are still to be done, and each as the driver's model."""
    held = fields_held(collection, [each for each in writes if isinstance(each, Complete)])
    left: list[Write] = []
    models: list[Model] = []
    for each in not_overtaken(collection, writes):
        match each:
            case Insert(row):
                models.append(InsertOne(row.document))
            case Replace(_, filter_, document):
                models.append(ReplaceOne(filter_, document, upsert=True))
            case Update(_, filter_, fields, inserted):
                changes = {"$set": fields} | ({"$setOnInsert": inserted} if inserted else {})
                models.append(UpdateOne(filter_, changes, upsert=True))
            case Delete(_, filter_):
                models.append(DeleteOne(filter_))
            case Complete(row) if hashable(row.document["_id"]) not in held:
                models.append(InsertOne(row.document))
            case Complete(row) if held[hashable(row.document["_id"])] is None:
                models.append(ReplaceOne(filter_of(each), row.document, upsert=True))
            case _:
                continue
        left.append(each)
    return left, models


def _refused(writes: Sequence[Write], errors: Iterable[dict[str, Any]]) -> Iterator[tuple[Write, DocumentRefusedError]]:
    for error in errors:
        each = writes[error["index"]]
        message = f"{error['code']}: {error['errmsg']}"
        if error["code"] == DUPLICATE and _own_key(error, each):
            if isinstance(each, Insert) or (isinstance(each, Replace) and each.unless_better):
                continue  # written already, or as good a document is there
            # Looked for, not found, and there: another writer was faster. The next attempt finds what it wrote.
            raise ServerNotReadyError(f"{filter_of(each)} was inserted by another in between")
        if error["code"] in PASSING:
            raise ServerNotReadyError(message)
        yield each, DocumentRefusedError(message)


def _own_key(error: dict[str, Any], each: Write) -> bool:
    """Whether the duplicate is of what the write looks for, and not of another unique index."""
    own = {"_id"} if "_id" in filter_of(each) else set(filter_of(each))
    if "keyPattern" in error:
        return set(error["keyPattern"]) == own
    _, named, index = error["errmsg"].partition(" index: ")  # the embedded stand-in's, and MongoDB's before 4.4
    name = index.partition(" dup key")[0].rpartition("$")[2]
    return not named or (name == "_id_") == (own == {"_id"})


def unwritable(document: Document) -> DocumentRefusedError | None:
    """Why no server takes the document, if none does."""
    try:
        size = len(encode(document))
    except (InvalidDocument, OverflowError) as error:
        return DocumentRefusedError(f"not BSON: {error}")
    return DocumentRefusedError(f"{size} bytes of BSON are more than {MAX_BSON}") if size > MAX_BSON else None


def _unencodable(writes: Iterable[Write]) -> Iterator[tuple[Write, DocumentRefusedError]]:
    for each in writes:
        if error := unwritable(document_of(each)):
            yield each, error
