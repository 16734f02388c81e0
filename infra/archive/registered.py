"""What a registry's ids mean: from an id to the schema at export, from the schema to another id at import."""

from collections.abc import Sequence

from confluent_kafka.schema_registry import Schema, SchemaRegistryClient, ServerConfig
from confluent_kafka.schema_registry.error import SchemaRegistryError

from infra.archive.manifest import Subject
from infra.archive.records import ArchiveError, LogRecord, WriterSchema
from schemas.codec import PATIENCE_S
from schemas.registry import COMPATIBILITY
from schemas.topics import TOPICS

_MAGIC, _HEADER = b"\0", 5
_NO_SUCH_SCHEMA = (40401, 40402, 40403)
"""The Confluent API's error codes: no such subject, version, schema."""


def client_of(url: str) -> SchemaRegistryClient:
    """A client that does not wait for ever."""
    return SchemaRegistryClient({"url": url, "timeout": PATIENCE_S})


class WrittenWith:
    """The schemas that values say they were written with."""

    def __init__(self, client: SchemaRegistryClient) -> None:
        self._client = client
        self._ids: dict[int, list[WriterSchema]] = {}
        self._used: set[WriterSchema] = set()
        self._ours = {spec.subject for spec in TOPICS.values()}
        self.unknown: set[int] = set()
        self._list()

    def _list(self) -> None:
        """All that the registry holds: a schema may have come since it was last asked."""
        self._ids = {}
        for subject in sorted(self._client.get_subjects()):
            for version in sorted(self._client.get_versions(subject)):
                found = self._client.get_version(subject, version)
                if found.schema.schema_type == "AVRO" and not found.schema.references:
                    schema = WriterSchema(subject, version, found.schema.schema_str)
                    self._ids.setdefault(found.schema_id, []).append(schema)

    def split(self, topic: str, value: bytes | None) -> tuple[WriterSchema | None, bytes | None]:
        """The schema that a value of ``topic`` names, and what follows; ``None`` and all of it where it names none."""
        if value is None or len(value) < _HEADER or value[:1] != _MAGIC:
            return None, value
        schema_id = int.from_bytes(value[1:_HEADER])
        if schema_id in self.unknown or (schema_id not in self._ids and not self._came(schema_id)):
            return None, value
        candidates = self._ids[schema_id]
        subject = f"{topic.rpartition('.')[2]}-value"  # a retraining's topics have the original's schemas
        schema = next((schema for schema in candidates if schema.subject == subject), candidates[0])
        self._used.add(schema)
        return schema, value[_HEADER:]

    def _came(self, schema_id: int) -> bool:
        """Whether the registry knows a schema that it had not listed."""
        try:
            self._client.get_schema(schema_id)
        except SchemaRegistryError as error:
            if error.error_code not in _NO_SUCH_SCHEMA:
                raise
            self.unknown.add(schema_id)
            return False
        self._list()
        if schema_id in self._ids:
            return True
        raise ArchiveError(
            f"A value names schema {schema_id}, which is in no subject of the registry or not plain Avro: "
            "register it under a subject, or delete it for good."
        )

    def kept(self) -> list[Subject]:
        """What an archive keeps: every version of the topics' subjects, and what else a value has named."""
        every = {schema for schemas in self._ids.values() for schema in schemas}
        wanted = sorted(schema for schema in every if schema.subject in self._ours or schema in self._used)
        return [Subject(subject=s.subject, version=s.version, schema_text=s.text) for s in wanted]


class WriteWith:
    """The ids under which a registry knows an archive's schemas."""

    def __init__(self, client: SchemaRegistryClient, schemas: Sequence[WriterSchema]) -> None:
        self._client, self._schemas = client, sorted(schemas)
        self._ids: dict[WriterSchema, bytes] = {}

    def look_up(self) -> None:
        """Take the ids of those that are registered, and change nothing."""
        for schema in self._schemas:
            try:
                found = self._client.lookup_schema(schema.subject, Schema(schema.text, "AVRO"))
            except SchemaRegistryError as error:
                if error.error_code not in _NO_SUCH_SCHEMA:
                    raise
            else:
                self._take(schema, found.schema_id)

    def register(self, unknown: Sequence[int]) -> None:
        """Register all of them, each subject's in their order; ``unknown`` ids must then still mean nothing.

        Raises:
            ArchiveError: the registry holds something else that they go together with badly.
        """
        for schema in self._schemas:
            try:
                self._client.set_config(schema.subject, ServerConfig(compatibility=COMPATIBILITY))
                self._take(schema, self._client.register_schema(schema.subject, Schema(schema.text, "AVRO")))
            except SchemaRegistryError as error:
                if error.http_status_code != 409:
                    raise
                raise ArchiveError(
                    f"The registry holds a schema of {schema.subject} that version {schema.version} of the archive is "
                    "not compatible with: import into a registry without it."
                ) from error
        for schema_id in unknown:
            try:
                self._client.get_schema(schema_id)
            except SchemaRegistryError as error:
                if error.error_code not in _NO_SUCH_SCHEMA:
                    raise
            else:
                raise ArchiveError(
                    f"A value in the archive names schema {schema_id}, which meant nothing where it was exported and "
                    "means something to this registry: import into a registry of its own."
                )

    def _take(self, schema: WriterSchema, schema_id: int) -> None:
        self._ids[schema] = _MAGIC + schema_id.to_bytes(_HEADER - 1)

    def value(self, record: LogRecord) -> bytes | None:
        """A record's value as it is to lie on the log; without a header where its schema is not registered yet."""
        if record.schema is None or record.body is None:
            return record.body
        return self._ids.get(record.schema, b"") + record.body
