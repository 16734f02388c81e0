"""Avro bytes of an event, written and read with fastavro alone."""

import io

import fastavro

from schemas.topics import TOPIC_OF, TOPICS


def rows(value):
    """The event as dicts and lists."""
    if hasattr(value, "_fields"):
        return {name: rows(getattr(value, name)) for name in value._fields}
    return [rows(item) for item in value] if isinstance(value, tuple) else value


def avro(event, schema=None, **further):
    schema = TOPICS[TOPIC_OF[type(event)]].schema if schema is None else schema
    data = io.BytesIO()
    fastavro.schemaless_writer(data, fastavro.parse_schema(schema), rows(event) | further)
    return data.getvalue()


def read(event):
    """The event's fields as fastavro reads them."""
    schema = fastavro.parse_schema(TOPICS[TOPIC_OF[type(event)]].schema)
    return fastavro.schemaless_reader(io.BytesIO(avro(event)), schema)
