"""From a folder to an empty log, or to one that an import has begun to fill."""

from collections.abc import Iterator
from itertools import chain, islice, repeat
from pathlib import Path

from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from infra import contracts
from infra.archive import manifest, partitions, retaining
from infra.archive.checking import check_bounds, check_files, check_prefix
from infra.archive.manifest import Manifest
from infra.archive.progress import Advance, progress
from infra.archive.reading import LogReader, bounds, partitions_of
from infra.archive.records import ArchiveError, Place
from infra.archive.registered import WriteWith, client_of
from infra.archive.writing import Stream, Write, write
from infra.retraining.names import spec_of
from infra.settings import Settings
from schemas.topics import TopicSpec

FILLER = Write(0, None, None, [("fedlog.archive", b"filler")])
"""What lies before a partition's first record until all are there, so that this one comes to its offset."""


def load(settings: Settings, folder: Path) -> Manifest:
    """Write an archive's schemas and records into a log without any; go on where an earlier import was ended.

    Raises:
        ArchiveError: the archive is damaged or has gaps, or the log has other records. Nothing has been written then.
    """
    archive = manifest.read(folder)
    check_files(folder, archive)
    admin = AdminClient({"bootstrap.servers": settings.bootstrap})
    values = WriteWith(client_of(settings.registry), [schema.writer() for schema in archive.schemas])
    values.look_up()
    there = _there(admin, archive)
    everything = sum(partition.first + partition.records for _, partition in archive.partitions())
    with progress("importing", everything) as advance:
        reader = LogReader(settings.bootstrap)
        try:
            streams = [
                _remaining(reader, place, there[place], _writes(folder, archive, place, values), advance)
                for place, partition in archive.partitions()
            ]
        finally:
            reader.close()
        values.register(archive.unknown_schema_ids)
        contracts.establish(settings)
        contracts.create(settings, _missing(admin, archive))
        retaining.take(admin, archive.topics)
        write(settings.bootstrap, streams, advance)
    _delete_fillers(admin, archive)
    retaining.forget(admin, archive.topics)
    return archive


def _there(admin: AdminClient, archive: Manifest) -> dict[Place, tuple[int, int]]:
    """Of each of the archive's partitions the first offset on the log, and the one after the last.

    Raises:
        ArchiveError: the log has other partitions, or more records.
    """
    present = partitions_of(admin)
    for topic, found in archive.topics.items():
        numbers = present.get(topic, list(range(_spec(topic).partitions)))
        if sorted(found) != numbers:
            raise ArchiveError(
                f"{topic} has {len(found)} partitions in the archive, and {len(numbers)} here: "
                "import into a log where they are as many."
            )
    there = bounds(admin, [place for place, _ in archive.partitions() if place.topic in present])
    for place, partition in archive.partitions():
        check_bounds(place, partition, *there.setdefault(place, (0, 0)))
    return there


def _missing(admin: AdminClient, archive: Manifest) -> dict[str, TopicSpec]:
    """The retrainings' topics, which no contract creates, less those that are there."""
    present = partitions_of(admin)
    return {topic: _spec(topic) for topic in archive.topics if topic not in present}


def _spec(topic: str) -> TopicSpec:
    spec = spec_of(topic)
    assert spec is not None, f"{topic} has passed check_files"
    return spec


def _writes(folder: Path, archive: Manifest, place: Place, values: WriteWith) -> Iterator[Write]:
    """What a partition is to get, from offset 0 on."""
    fillers = repeat(FILLER, archive.topics[place.topic][place.partition].first)
    kept = partitions.records(folder, archive, place)
    return chain(fillers, (Write(r.timestamp, r.key, values.value(r), r.headers) for r in kept))


def _remaining(
    reader: LogReader, place: Place, there: tuple[int, int], writes: Iterator[Write], advance: Advance
) -> Stream:
    """What a partition does not have yet, once it is known that it has what comes before."""
    low, high = there
    counted = _counted(writes, place, advance)
    check_prefix(reader, place, low, high, islice(islice(counted, high), low, None))
    return Stream(place, high, writes)


def _counted(writes: Iterator[Write], place: Place, advance: Advance) -> Iterator[Write]:
    for record in writes:
        advance(place)
        yield record


def _delete_fillers(admin: AdminClient, archive: Manifest) -> None:
    late = {place: partition.first for place, partition in archive.partitions() if partition.first}
    firsts = [TopicPartition(*place, first) for place, first in late.items()]
    for deleted in (admin.delete_records(firsts) if firsts else {}).values():
        deleted.result()
