"""Schemas into the registry, under FULL_TRANSITIVE compatibility."""

import json

from confluent_kafka.schema_registry import ConfigCompatibilityLevel, Schema, SchemaRegistryClient, ServerConfig
from confluent_kafka.schema_registry.error import SchemaRegistryError

from schemas.topics import TopicSpec

COMPATIBILITY = ConfigCompatibilityLevel.FULL_TRANSITIVE


class BreakingChangeError(ValueError):
    """A schema cannot read what an earlier one wrote, or the other way round."""


def register(client: SchemaRegistryClient, spec: TopicSpec) -> int:
    """Register the topic's schema and return its id; registering it again changes nothing.

    Raises:
        BreakingChangeError: the registry holds a version that the schema is not fully compatible with.
    """
    client.set_config(spec.subject, ServerConfig(compatibility=COMPATIBILITY))
    try:
        return client.register_schema(spec.subject, Schema(json.dumps(spec.schema), "AVRO"))
    except SchemaRegistryError as error:
        if error.http_status_code == 409:
            raise BreakingChangeError(
                f"schemas/{spec.name}.avsc breaks {COMPATIBILITY.value} compatibility with what is registered as "
                f"{spec.subject}: {error.error_message}"
            ) from error
        raise
