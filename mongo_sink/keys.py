"""The records' keys, which are plain text in this log, as ids."""

from mongo_sink.documents import Document, UnusableRecordError
from schemas.wire import Origin


def key_text(origin: Origin) -> str:
    """The record's key, which is plain text in this log.

    Raises:
        UnusableRecordError: it has none, or it is no text.
    """
    if origin.key is None:
        raise UnusableRecordError("the record has no key to be its _id")
    try:
        return origin.key.decode()
    except UnicodeDecodeError as error:
        raise UnusableRecordError(f"the record's key is not text: {error}") from error


def key_of(origin: Origin, field: str | None) -> str | Document:
    """The record's key: its text, or the document that holds it under ``field``."""
    text = key_text(origin)
    return text if field is None else {field: text}


def deleted_id(origin: Origin, field: str | None) -> str | Document:
    """What ``DeleteOneDefaultStrategy`` deletes: the key's own ``_id``, or else the document with this key for one."""
    return key_text(origin) if field == "_id" else key_of(origin, field)
