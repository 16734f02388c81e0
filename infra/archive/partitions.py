"""A partition as segments: one being written for each schema in use, and all of them read back as one stream."""

import heapq
from collections.abc import Iterator
from itertools import chain
from operator import attrgetter
from pathlib import Path

from infra.archive import segments
from infra.archive.manifest import Manifest, Partition, Segment, path_of
from infra.archive.records import ArchiveError, LogRecord, Place, WriterSchema
from infra.archive.segments import SegmentWriter

SEGMENT_RECORDS = 500_000
"""Records of a segment, at most."""


class PartitionWriter:
    """Spreads a partition's records over segments.

    Writers of two versions may take turns at every record, so each schema has a segment of its own open: their number
    is that of the schemas, and not that of the turns. What has no schema goes where the record before it went.
    """

    def __init__(self, folder: Path, place: Place, limit: int = SEGMENT_RECORDS) -> None:
        self._folder = folder / place.topic / str(place.partition)
        self._folder.mkdir(parents=True)
        self._place, self._limit = place, limit
        self._open: dict[WriterSchema | None, SegmentWriter] = {}
        self._last: WriterSchema | None = None
        self._closed: list[Segment] = []

    def append(self, record: LogRecord) -> None:
        """Add the next record."""
        schema = record.schema or self._last
        writer = self._open.get(schema)
        if writer is None:
            writer = self._open[schema] = SegmentWriter(self._folder, self._place, schema, record.offset)
        writer.append(record)
        self._last = schema
        if writer.records >= self._limit:
            self._closed.append(self._open.pop(schema).close())

    def close(self, first: int, end: int) -> Partition:
        """End all segments; say what is there of the offsets from ``first`` to before ``end``."""
        self._closed += [writer.close() for writer in self._open.values()]
        self._closed.sort(key=attrgetter("first"))
        records = sum(segment.records for segment in self._closed)
        return Partition(first=first, end=end, records=records, segments=self._closed)


def records(folder: Path, archive: Manifest, place: Place) -> Iterator[LogRecord]:
    """A partition's records, every offset from the first on.

    Raises:
        ArchiveError: an offset is missing, or there twice.
    """
    partition = archive.topics[place.topic][place.partition]
    by_schema: dict[WriterSchema | None, list[Iterator[LogRecord]]] = {}
    for segment in partition.segments:
        schema = archive.writer(segment)
        by_schema.setdefault(schema, []).append(segments.read(path_of(folder, place, segment), schema))
    expected = partition.first
    for record in heapq.merge(*map(chain.from_iterable, by_schema.values()), key=attrgetter("offset")):
        if record.offset != expected:
            raise ArchiveError(
                f"{place} in {folder} has offset {record.offset} where {expected} comes: have it exported again."
            )
        expected += 1
        yield record
