"""Segments: Avro object container files in which every record of a log is one record, its event decoded in place.

An event's Avro body is copied as it is, neither decoded and encoded again nor laid out anew. So a segment gives back
the bytes that were on the log whatever wrote them; decoding only says whether they are an event.
"""

import json
from collections.abc import Iterator
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from fastavro import block_reader, parse_schema, schemaless_reader, schemaless_writer
from fastavro.read import SchemaResolutionError
from fastavro.write import Writer

from infra.archive import manifest
from infra.archive.records import LogRecord, Place, WriterSchema

BLOCK_BYTES = 256 * 1024
"""After which a block is compressed and written."""
_NULL, _BYTES, _BODY, _EVENT = (bytes([2 * branch]) for branch in range(4))  # of the value's union, as Avro writes them
# Without a namespace: an event's schema that has none of its own would inherit it.
_HEADER = {
    "type": "record",
    "name": "LogHeader",
    "fields": [{"name": "name", "type": "string"}, {"name": "value", "type": ["null", "bytes"]}],
}
_BEFORE_VALUE = [
    {"name": "offset", "type": "long"},
    # No logical type: the log takes any number, and a reader would stumble over one that no calendar has.
    {"name": "timestamp", "type": "long", "doc": "ms since 1970 UTC; -1: none"},
    {"name": "key", "type": ["null", "bytes"]},
    {"name": "headers", "type": {"type": "array", "items": _HEADER}},
]
_FRAMED = {
    "type": "record",
    "name": "LogBody",
    "doc": "What followed the Confluent header of this segment's schema, where that is not one event, and no more.",
    "fields": [{"name": "body", "type": "bytes"}],
}
_HEAD = parse_schema({"type": "record", "name": "LogHead", "fields": _BEFORE_VALUE})
_NO_EVENT = (EOFError, ValueError, IndexError, OverflowError, SchemaResolutionError)
"""What decoding raises where the bytes are not what their schema says."""


def schema_of(schema: WriterSchema | None) -> dict[str, Any]:
    """The Avro schema of a segment's records: the value is null, any bytes, or what followed that schema's header."""
    value: list[Any] = ["null", "bytes"]
    if schema is not None:
        value += [_FRAMED, json.loads(schema.text)] if _record(schema) else [_FRAMED]
    return {"type": "record", "name": "LogRecord", "fields": [*_BEFORE_VALUE, {"name": "value", "type": value}]}


def _record(schema: WriterSchema) -> bool:
    parsed = json.loads(schema.text)
    return isinstance(parsed, dict) and parsed.get("type") == "record"


class SegmentWriter:
    """One file, written record by record."""

    def __init__(self, folder: Path, place: Place, schema: WriterSchema | None, first: int) -> None:
        name = f"{first:020d}.avro"
        self._place, self._schema, self._first, self._last = place, schema, first, first
        self._event = parse_schema(json.loads(schema.text)) if schema and _record(schema) else None
        self._path = folder / name
        self._file = self._path.open("xb")
        about = {"fedlog.topic": place.topic, "fedlog.partition": str(place.partition)}
        if schema:
            about |= {"fedlog.subject": schema.subject, "fedlog.version": str(schema.version)}
            about |= {"fedlog.schema": schema.text}
        # The same records give the same file.
        marker = sha256(f"{place}/{first}".encode()).digest()[:16]
        self._container = Writer(self._file, schema_of(schema), "deflate", metadata=about, sync_marker=marker)
        self._block, self._in_block, self.records = BytesIO(), 0, 0

    def append(self, record: LogRecord) -> None:
        """Add a record of a later offset, whose schema is the segment's or none."""
        headers = [{"name": name, "value": value} for name, value in record.headers]
        head = {"offset": record.offset, "timestamp": record.timestamp, "key": record.key, "headers": headers}
        schemaless_writer(self._block, _HEAD, head)
        if record.body is None:
            self._block.write(_NULL)
        elif record.schema is not None and self._is_event(record.body):
            self._block.write(_EVENT)
            self._block.write(record.body)
        else:
            self._block.write(_BYTES if record.schema is None else _BODY)
            schemaless_writer(self._block, "bytes", record.body)
        self._last = record.offset
        self.records += 1
        self._in_block += 1
        if self._block.tell() >= BLOCK_BYTES:
            self._end_block()

    def _is_event(self, body: bytes) -> bool:
        """Whether the bytes are one event of the schema that any reader can decode, and nothing else."""
        if self._event is None:
            return False
        stream = BytesIO(body)
        try:
            schemaless_reader(stream, self._event)
        except _NO_EVENT:
            return False
        return stream.tell() == len(body)

    def _end_block(self) -> None:
        self._container.write_block(SimpleNamespace(num_records=self._in_block, bytes_=self._block))
        self._block, self._in_block = BytesIO(), 0

    def close(self) -> manifest.Segment:
        """Write what is left, and say what the file holds."""
        if self._in_block:
            self._end_block()
        self._file.close()
        return manifest.Segment(
            file=self._path.name,
            first=self._first,
            last=self._last,
            records=self.records,
            sha256=manifest.sum_of(self._path),
            subject=self._schema.subject if self._schema else None,
            version=self._schema.version if self._schema else None,
        )


def read(path: Path, schema: WriterSchema | None) -> Iterator[LogRecord]:
    """The records of a segment whose events were written with ``schema``."""
    event = parse_schema(json.loads(schema.text)) if schema and _record(schema) else None
    with path.open("rb") as file:
        for block in block_reader(file):
            stream: BytesIO = block.bytes_
            whole = stream.getvalue()
            for _ in range(block.num_records):
                head = schemaless_reader(stream, _HEAD)
                branch = stream.read(1)
                body: bytes | None = None
                if branch == _EVENT:
                    begin = stream.tell()
                    schemaless_reader(stream, event)
                    body = whole[begin : stream.tell()]
                elif branch != _NULL:
                    body = schemaless_reader(stream, "bytes")
                headers = [(header["name"], header["value"]) for header in head["headers"]]
                framed = schema if branch in (_BODY, _EVENT) else None
                yield LogRecord(head["offset"], head["timestamp"], head["key"], headers, framed, body)
