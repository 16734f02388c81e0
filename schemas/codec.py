"""Events to and from bytes in the Confluent wire format, through the registry."""

import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any

from confluent_kafka.schema_registry import SchemaRegistryClient, topic_subject_name_strategy
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.serialization import MessageField, SerializationContext, SerializationError
from fastavro.read import SchemaResolutionError
from fastavro.schema import SchemaParseException

from schemas.events import (
    Contribution,
    Decision,
    Evaluation,
    Event,
    FleetEvaluation,
    HorizonError,
    LocalUpdate,
    Measurements,
    PairedError,
    PartShare,
    Reading,
    Summand,
)
from schemas.topics import TOPIC_OF, TOPICS
from schemas.wire import Record, headers_of, key_of, timestamp_of

EARLIEST = 631_152_000_000  # 1990-01-01, ms: no reading is older
LATEST = 4_102_444_800_000  # 2100-01-01, ms: nor younger
PATIENCE_S = 10
"""How long the registry may take to answer (s); it would otherwise be waited for for ever."""
_HEADER = 5  # magic byte and schema id
_NO_SUCH_SCHEMA = 40403  # the Confluent API's error code; a plain 404 means that something else is there
_EPOCH, _MS = datetime(1970, 1, 1, tzinfo=UTC), timedelta(milliseconds=1)
_BROKEN = (
    SerializationError,
    SchemaParseException,
    SchemaResolutionError,
    EOFError,
    ValueError,
    IndexError,
    OverflowError,
)
"""What decoding raises where the bytes are not what their schema, or the topic's, says."""
_STRATEGY = {"subject.name.strategy": topic_subject_name_strategy}
_NESTED = {
    "errors": lambda rows: tuple(HorizonError(**row) for row in rows),
    "contributions": lambda rows: tuple(_typed(Contribution, row) for row in rows),
    "decisions": lambda rows: tuple(Decision(**row) for row in rows),
    "candidates": tuple,
    "evaluations": lambda rows: tuple(map(_evaluation, rows)),
    "summands": lambda rows: tuple(Summand(**row) for row in rows),
    "shares": lambda rows: tuple(PartShare(**row) for row in rows),
    "forecast": lambda row: Measurements(**row),
    "persistence": lambda row: Measurements(**row),
    "network": lambda row: row and Measurements(**row),
    "actual": lambda row: row and Measurements(**row),
    "error": lambda row: row and Measurements(**row),
}


class UndecodableRecord(ValueError):
    """The bytes are not an event of this topic."""


class NotAvroError(UndecodableRecord):
    """The value does not begin with the Confluent header."""


class UnknownSchemaError(UndecodableRecord):
    """The registry has no schema of that id."""


class TruncatedRecordError(UndecodableRecord):
    """The value ends early, or is not what its schema says."""


class InvalidEventError(UndecodableRecord):
    """The event breaks a promise that Avro cannot express."""


class Codec:
    """The one serializer/deserializer pair of the project.

    Schemas are registered by ``schemas.registry`` before anything runs; the codec only looks them up. Errors of the
    registry itself (it is down, it refuses) pass through: they are not the record's fault.
    """

    def __init__(self, registry_url: str) -> None:
        self._client = SchemaRegistryClient({"url": registry_url, "timeout": PATIENCE_S})
        self._serializers: dict[str, AvroSerializer] = {}
        self._deserializers: dict[str, AvroDeserializer] = {}

    def encode(self, event: Event) -> Record:
        """The record to write for ``event``."""
        topic = TOPIC_OF[type(event)]
        serializer = self._serializers.get(topic)
        if serializer is None:
            options = {"auto.register.schemas": False, **_STRATEGY}
            serializer = AvroSerializer(self._client, json.dumps(TOPICS[topic].schema), conf=options)
            self._serializers[topic] = serializer
        value = serializer(plain(event), SerializationContext(topic, MessageField.VALUE))
        return Record(topic, key_of(event), value, headers_of(event), timestamp_of(event))

    def decode(self, topic: str, value: bytes | None, key: bytes | None = None) -> Any:
        """The event in ``value``, of the topic's class; with ``key``, also checks that the record is keyed well.

        Raises:
            UndecodableRecord: one of its subclasses, saying what is wrong with the record.
        """
        if value is None or len(value) <= _HEADER or value[0] != 0:
            raise NotAvroError(f"value of {len(value or b'')} bytes lacks the magic byte and schema id")
        deserializer = self._deserializers.get(topic)
        if deserializer is None:
            deserializer = AvroDeserializer(self._client, json.dumps(TOPICS[topic].schema), conf=_STRATEGY)
            self._deserializers[topic] = deserializer
        try:
            # Without a context: it would look for rules in the schema at each record, and ours have none.
            row = deserializer(value)
        except SchemaRegistryError as error:
            if error.error_code != _NO_SUCH_SCHEMA:
                raise
            raise UnknownSchemaError(f"schema id {int.from_bytes(value[1:_HEADER])} is not in the registry") from error
        except json.JSONDecodeError:
            # What answers in the registry's place is no registry.
            raise
        except _BROKEN as error:
            raise TruncatedRecordError(f"not a {topic} event: {type(error).__name__}: {error}") from error
        event = _typed(TOPICS[topic].event, row)
        check(event)
        if key is not None and key != key_of(event):
            raise InvalidEventError(f"record key {key!r} is not the event's {key_of(event)!r}")
        return event


def check(event: Event) -> None:
    """Hold an event against what its schema cannot say.

    A reading has finite measurements and a possible moment; an update's id is what tells it from others.

    Raises:
        InvalidEventError: naming the field and its value.
    """
    if isinstance(event, LocalUpdate) and event.update_id != f"{event.device_id}/{event.sequence}":
        raise InvalidEventError(f"update_id {event.update_id} is not {event.device_id}/{event.sequence}")
    if not isinstance(event, Reading):
        return
    if not EARLIEST <= event.event_time < LATEST:
        raise InvalidEventError(f"event_time {event.event_time} ms lies outside 1990..2099")
    for name in Measurements._fields:
        value = getattr(event, name)
        if value is not None and not math.isfinite(value):
            raise InvalidEventError(f"{name} is {value}")


def plain(event: Any) -> dict[str, Any]:
    """An event as the dicts and lists that fastavro writes."""
    row: dict[str, Any] = event._asdict()
    for name in _NESTED.keys() & row.keys():
        value = row[name]
        if hasattr(value, "_asdict"):
            row[name] = value._asdict()
        elif value is not None:
            row[name] = [plain(item) if hasattr(item, "_asdict") else item for item in value]
    return row


def _typed(kind: type, row: dict[str, Any]) -> Any:
    """A decoded Avro record as ``kind``: moments to ms, nested records to their classes."""
    for name, value in row.items():
        if isinstance(value, datetime):
            row[name] = milliseconds(value)
        elif name in _NESTED:
            row[name] = _NESTED[name](value)
    return kind(**row)


def _evaluation(row: dict[str, Any]) -> Evaluation | FleetEvaluation:
    """A device's word on a version, or a window's, which says how many devices' it is."""
    errors = tuple(PairedError(**error) for error in row.pop("errors"))
    return FleetEvaluation(errors=errors, **row) if "devices" in row else Evaluation(errors=errors, **row)


def milliseconds(moment: datetime) -> int:
    """A moment as ms since 1970 UTC, exactly."""
    return (moment - _EPOCH) // _MS
