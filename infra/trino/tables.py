"""Trino's tables over the sink's collections: all columns with their types, from the schemas.

Left alone, Trino's MongoDB connector takes a collection's columns from its first document, in which half of them may be
null. ``python -m infra.trino.tables`` puts these definitions where it looks first, the collection ``_schema``.
"""

import logging
from collections.abc import Mapping
from typing import Any, NamedTuple

from pymongo import MongoClient, ReplaceOne

from infra.settings import Settings
from schemas import log_lines
from schemas.topics import TOPICS

logger = logging.getLogger("infra.trino")

SCHEMA = "_schema"
PLACE = 'row("topic" varchar, "partition" bigint, "offset" bigint, "written_at" timestamp(3))'
_SCALARS = {"string": "varchar", "long": "bigint", "int": "bigint", "double": "double", "boolean": "boolean"}


class Collection(NamedTuple):
    """What of a topic the sink writes into a collection.

    Attributes:
        topic: whose events.
        key: the field that is its ``_id``; none: the record's place.
        fields: those that it has; none: all.
    """

    topic: str
    key: str = ""
    fields: tuple[str, ...] = ()


COLLECTIONS = {
    "sensor_readings": Collection("iot_stream"),
    "local_models": Collection("local_updates", "device_id"),
    "global_model": Collection("global_models", "version"),
    "predictions": Collection("predictions", "prediction_id"),
    "dead_letters": Collection("dead_letters", "letter_id"),
    "fleet_analytics": Collection("fleet_analytics", "insight_id"),
    "champion": Collection(
        "global_models",
        "model",
        ("model", "version", "champion", "fallback", "pinned", "candidates", "decisions", "window_end", "dataset"),
    ),
    "model_commands": Collection("model_commands", "command_id"),
}
"""As ``mongo_sink/connectors`` has it."""


def definition(name: str) -> dict[str, Any]:
    """The document in ``_schema`` for a collection; ``SELECT *`` passes over bytes, ``_id`` and place."""
    collection = COLLECTIONS[name]
    fields = TOPICS[collection.topic].schema["fields"]
    types = columns({"type": "record", "fields": fields})
    chosen = {field: types[field] for field in collection.fields or types}
    shown = {"_id": types.get(collection.key, "varchar"), **chosen, "_log": PLACE}
    hidden = {"_id", "_log"}
    return {
        "table": name,
        "fields": [
            {"name": field, "type": kind, "hidden": field in hidden or kind == "varbinary"}
            for field, kind in shown.items()
        ],
    }


def columns(record: Mapping[str, Any]) -> dict[str, str]:
    """Trino's type of each field of an Avro record, as the sink stores it."""
    named: dict[str, str] = {}
    return {field["name"]: _type(field["type"], named) for field in record["fields"]}


def _type(schema: Any, named: dict[str, str]) -> str:
    match schema:
        case {"logicalType": "timestamp-millis"}:
            return "timestamp(3)"
        case "bytes":
            return "varbinary"
        case str():
            return _SCALARS.get(schema) or named[schema]
        case ["null", branch] | [branch, "null"]:
            return _type(branch, named)
        case {"type": "record", "name": name, "fields": fields}:
            inner = ", ".join(f'"{field["name"]}" {_type(field["type"], named)}' for field in fields)
            named[name] = f"row({inner})"
            return named[name]
        case {"type": "array", "items": items}:
            return f"array({_type(items, named)})"
        case {"type": "map", "values": values}:
            return f"map(varchar, {_type(values, named)})"
    raise NotImplementedError(f"an Avro type that the sink does not write yet: {schema}")


def put(settings: Settings) -> None:
    """Write every definition into the sink's database, in place of what Trino may have guessed.

    Raises:
        PyMongoError: MongoDB does not take them.
    """
    with MongoClient[dict[str, Any]](settings.mongo_uri) as client:
        made = [ReplaceOne({"table": name}, definition(name), upsert=True) for name in COLLECTIONS]
        client[settings.database][SCHEMA].bulk_write(made)
    logger.info("%s.%s has the columns of %s", settings.database, SCHEMA, ", ".join(COLLECTIONS))


if __name__ == "__main__":
    log_lines.begin("trino")
    put(Settings())
