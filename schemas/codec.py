"""Events to and from bytes in the Confluent wire format, through the registry."""

import json
import math
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

from confluent_kafka.schema_registry import SchemaRegistryClient, topic_subject_name_strategy
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.serialization import MessageField, SerializationContext
from fastavro import parse_schema, schemaless_reader
from fastavro.read import SchemaResolutionError
from fastavro.schema import SchemaParseException, to_parsing_canonical_form

from schemas.events import (
    Contribution,
    Decision,
    Evaluation,
    Event,
    FleetEvaluation,
    HorizonError,
    Measurements,
    PairedError,
    PartShare,
    Summand,
)
from schemas.topics import TOPIC_OF, TOPICS
from schemas.wire import Record, headers_of, key_in, key_of, timestamp_of

Row = dict[str, Any]
EARLIEST = 631_152_000_000  # 1990-01-01, ms: no reading is older
LATEST = 4_102_444_800_000  # 2100-01-01, ms: nor younger
PATIENCE_S = 10
"""How long the registry may take to answer (s); it would otherwise be waited for for ever."""
_HEADER = 5  # magic byte and schema id
_NO_SUCH_SCHEMA = 40403  # the Confluent API's error code; a plain 404 means that something else is there
_EPOCH, _MS = datetime(1970, 1, 1, tzinfo=UTC), timedelta(milliseconds=1)
_FIRST, _BEHIND = _EPOCH + EARLIEST * _MS, _EPOCH + LATEST * _MS
_BROKEN = (
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
        self._written: dict[tuple[str, int], tuple[Any, Any]] = {}

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
        return event_of(topic, self.row(topic, value, key))

    def row(self, topic: str, value: bytes | None, key: bytes | None = None) -> Row:
        """The record in ``value`` as Avro has it, moments as dates and records as dicts, checked as by ``decode``.

        Raises:
            UndecodableRecord: as ``decode``.
        """
        if value is None or len(value) <= _HEADER or value[0] != 0:
            raise NotAvroError(f"value of {len(value or b'')} bytes lacks the magic byte and schema id")
        try:
            # Not AvroDeserializer, which expands the schema anew at each record: 95 us of a reading's 100.
            row: Any = schemaless_reader(BytesIO(value[_HEADER:]), *self._schemas(topic, value))
        except (json.JSONDecodeError, UnknownSchemaError):
            # What answers in the registry's place is no registry; or it has said what is wrong.
            raise
        except _BROKEN as error:
            raise TruncatedRecordError(f"not a {topic} event: {type(error).__name__}: {error}") from error
        check(topic, row)
        if key is not None and key != (own := key_in(TOPICS[topic].event, row)):
            raise InvalidEventError(f"record key {key!r} is not the event's {own!r}")
        checked: Row = row
        return checked

    def _schemas(self, topic: str, value: bytes) -> tuple[Any, Any]:
        """What the value was written with, and the topic's own where that is another."""
        number = int.from_bytes(value[1:_HEADER])
        known = self._written.get((topic, number))
        if known is None:
            try:
                told = self._client.get_schema(number).schema_str
            except SchemaRegistryError as error:
                if error.error_code != _NO_SUCH_SCHEMA:
                    raise
                raise UnknownSchemaError(f"schema id {number} is not in the registry") from error
            writer, reader = parse_schema(json.loads(told or "")), parse_schema(TOPICS[topic].schema)
            same = to_parsing_canonical_form(writer) == to_parsing_canonical_form(reader)
            known = self._written[topic, number] = (writer, None if same else reader)
        return known


def check(topic: str, row: Row) -> None:
    """Hold a record against what its schema cannot say.

    A reading has finite measurements and a possible moment; an update's id is what tells it from others.

    Raises:
        InvalidEventError: naming the field and its value.
    """
    if topic == "local_updates" and row["update_id"] != f"{row['device_id']}/{row['sequence']}":
        raise InvalidEventError(f"update_id {row['update_id']} is not {row['device_id']}/{row['sequence']}")
    if topic != "iot_stream":
        return
    if not _FIRST <= (moment := row["event_time"]) < _BEHIND:
        raise InvalidEventError(f"event_time {milliseconds(moment)} ms lies outside 1990..2099")
    for name in Measurements._fields:
        value = row[name]
        if value is not None and not math.isfinite(value):
            raise InvalidEventError(f"{name} is {value}")


def event_of(topic: str, row: Row) -> Any:
    """The event that a record of the topic is, which ``row`` holds as Avro has it."""
    return _typed(TOPICS[topic].event, row)


def plain(event: Any) -> Row:
    """An event as the dicts and lists that fastavro writes."""
    row: Row = event._asdict()
    for name in _NESTED.keys() & row.keys():
        value = row[name]
        if hasattr(value, "_asdict"):
            row[name] = value._asdict()
        elif value is not None:
            row[name] = [plain(item) if hasattr(item, "_asdict") else item for item in value]
    return row


def _typed(kind: type, row: Row) -> Any:
    """A decoded Avro record as ``kind``: moments to ms, nested records to their classes."""
    row = row.copy()
    for name, value in row.items():
        if isinstance(value, datetime):
            row[name] = milliseconds(value)
        elif name in _NESTED:
            row[name] = _NESTED[name](value)
    return kind(**row)


def _evaluation(row: Row) -> Evaluation | FleetEvaluation:
    """A device's word on a version, or a window's, which says how many devices' it is."""
    row = row | {"errors": tuple(PairedError(**error) for error in row["errors"])}
    return FleetEvaluation(**row) if "devices" in row else Evaluation(**row)


def milliseconds(moment: datetime) -> int:
    """A moment as ms since 1970 UTC, exactly."""
    return (moment - _EPOCH) // _MS
