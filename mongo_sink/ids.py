"""``document.id.strategy``: what a document's ``_id`` is, always a function of the record alone."""

from collections.abc import Callable
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import NAMESPACE_URL, UUID, uuid5

from bson import Binary, ObjectId

from mongo_sink.documents import Document, UnusableRecordError
from mongo_sink.keys import key_of, key_text
from mongo_sink.projections import Projection
from schemas import wire
from schemas.wire import Origin

IdOf = Callable[[Document, Origin], Any]


class IdOptions(NamedTuple):
    """The properties that strategies are told."""

    field: str | None = None
    uuid_format: str = "string"
    projection: Projection | None = None
    key_field: str | None = None
    """Under which the key's text is to stand in a document, as ``HoistField$Key`` puts it."""
    key_projection: Projection | None = None


class IdStrategy(NamedTuple):
    """``make(options)`` gives the function of document and origin; the flags say which options it cannot do without."""

    make: Callable[[IdOptions], IdOf]
    needs_field: bool = False
    needs_projection: bool = False
    needs_key_projection: bool = False
    of_key: bool = False
    """Whether it looks at the record's key alone, so that a tombstone has this ``_id`` too."""


def place(origin: Origin) -> str:
    """Where on the log, in one word: the ``_id`` of ``KafkaMetaDataStrategy``."""
    return wire.place_id(*origin[:3])


def object_id(origin: Origin) -> ObjectId:
    """An ObjectId of the record's second and its place: the same at each delivery, where the driver's are random."""
    second = max(origin.timestamp or 0, 0) // 1000 % 2**32
    return ObjectId(second.to_bytes(4, "big") + sha256(place(origin).encode()).digest()[:8])


def uuid(origin: Origin) -> UUID:
    """A UUID of the record's place: the same at each delivery, where the original's are random."""
    return uuid5(NAMESPACE_URL, f"kafka:{place(origin)}")


def provided(document: Document) -> Any:
    """The ``_id`` that the document has.

    Raises:
        UnusableRecordError: it has none.
    """
    if document.get("_id") is None:
        raise UnusableRecordError("the document holds no _id, or it is null")
    return document["_id"]


def provided_uuid(document: Document) -> Binary:
    """The ``_id`` that the document has, a UUID in text, as a UUID.

    Raises:
        UnusableRecordError: it has none, or it is no UUID.
    """
    try:
        return Binary.from_uuid(UUID(provided(document)))
    except (ValueError, TypeError, AttributeError) as error:
        raise UnusableRecordError(f"_id {document.get('_id')!r} is no UUID") from error


def _value_field(options: IdOptions) -> IdOf:
    def id_of(document: Document, origin: Origin) -> Any:
        if options.field not in document:
            raise UnusableRecordError(f"the document has no field {options.field!r} to be its _id")
        return document[options.field]

    return id_of


def _partial_value(options: IdOptions) -> IdOf:
    projection = options.projection
    assert projection is not None, "a strategy that needs one is configured with one"
    return lambda document, origin: projection.of(document)


def _partial_key(options: IdOptions) -> IdOf:
    projection, field = options.key_projection, options.key_field
    assert projection is not None, "a strategy that needs one is configured with one"
    assert field is not None, "a strategy that needs it is configured with it"
    return lambda document, origin: projection.of({field: key_text(origin)})


def _uuid(options: IdOptions) -> IdOf:
    if options.uuid_format == "binary":
        return lambda document, origin: Binary.from_uuid(uuid(origin))
    return lambda document, origin: str(uuid(origin))


ID_STRATEGIES = {
    "BsonOidStrategy": IdStrategy(lambda options: lambda document, origin: object_id(origin)),
    "KafkaMetaDataStrategy": IdStrategy(lambda options: lambda document, origin: place(origin)),
    # The original has no use for the keys of this log as they are, plain text: HoistField$Key makes documents of them.
    "FullKeyStrategy": IdStrategy(lambda o: lambda document, origin: key_of(origin, o.key_field), of_key=True),
    "PartialKeyStrategy": IdStrategy(_partial_key, needs_key_projection=True, of_key=True),
    "ProvidedInKeyStrategy": IdStrategy(lambda options: lambda document, origin: key_text(origin), of_key=True),
    "ProvidedInValueStrategy": IdStrategy(lambda options: lambda document, origin: provided(document)),
    "UuidProvidedInValueStrategy": IdStrategy(lambda options: lambda document, origin: provided_uuid(document)),
    "PartialValueStrategy": IdStrategy(_partial_value, needs_projection=True),
    "UuidStrategy": IdStrategy(_uuid),
    # Not MongoDB's: its PartialValueStrategy makes {"device_id": "mote-07"}; one looks up the bare value by hand.
    "ValueFieldStrategy": IdStrategy(_value_field, needs_field=True),
}
