"""From the log to a folder."""

from pathlib import Path

from confluent_kafka import Message
from confluent_kafka.admin import AdminClient

from infra.archive import manifest
from infra.archive.manifest import Manifest, Partition
from infra.archive.partitions import SEGMENT_RECORDS, PartitionWriter
from infra.archive.progress import progress
from infra.archive.reading import LogReader, bounds, partitions_of, timestamp_of
from infra.archive.records import ArchiveError, LogRecord, Place
from infra.archive.registered import WrittenWith, client_of
from infra.retraining.names import spec_of
from infra.settings import Settings
from schemas.topics import TOPICS

CAUSES = ("model_commands", "iot_stream")
"""Topics that no event of another topic brings about; what is on others points at them."""

REGISTRYS = ("kafkasql-journal", "kafkasql-snapshots", "registry-events")
"""Topics in which the registry keeps its schemas, which an archive has by themselves."""


def export(settings: Settings, folder: Path, segment_records: int = SEGMENT_RECORDS) -> Manifest:
    """Write every topic of Fedlog's, up to where it ends now, into a new folder; it is there once it is whole.

    Raises:
        ArchiveError: the folder exists, or the log cannot be read.
    """
    partial = folder.with_name(f"{folder.name}.partial")
    if folder.exists():
        raise ArchiveError(f"{folder} exists already: name a new folder with DIR=.")
    if partial.exists():
        raise ArchiveError(f"{partial} is there, from an export that was ended or still runs: delete it if none runs.")
    admin = AdminClient({"bootstrap.servers": settings.bootstrap})
    noted = bounds(admin, _places(admin))
    schemas = WrittenWith(client_of(settings.registry))
    partial.mkdir(parents=True)
    writers = {place: PartitionWriter(partial, place, segment_records) for place in sorted(noted)}
    reader = LogReader(settings.bootstrap)
    try:
        with progress("exporting", sum(end - first for first, end in noted.values())) as advance:
            for message in reader.read(noted):
                place = Place(message.topic(), message.partition())
                writers[place].append(_kept(schemas, message))
                advance(place)
    finally:
        reader.close()
    retrained = sorted({place.topic for place in noted} - TOPICS.keys())
    topics: dict[str, dict[int, Partition]] = {name: {} for name in (*TOPICS, *retrained)}
    for place, writer in writers.items():
        topics[place.topic][place.partition] = writer.close(*noted[place])
    whole = Manifest(schemas=schemas.kept(), unknown_schema_ids=sorted(schemas.unknown), topics=topics)
    manifest.written(partial, whole)
    partial.rename(folder)
    return whole


def left_out(settings: Settings) -> list[str]:
    """The topics on the log that are somebody else's, less those that servers and clients keep for themselves."""
    present = partitions_of(AdminClient({"bootstrap.servers": settings.bootstrap}))
    return sorted(n for n in present if spec_of(n) is None and "__" not in n and n not in REGISTRYS)


def _places(admin: AdminClient) -> list[Place]:
    """The partitions of every topic, in the order in which their ends are to be noted.

    An event is written after what it points at: so that this is in the archive too, its own topic's end comes first.
    What a retraining has made of the readings is on the log once that is over, and points at nothing later.
    """
    present = partitions_of(admin)
    if missing := [name for name in TOPICS if name not in present]:
        raise ArchiveError(f"The log lacks {', '.join(missing)}: `make up` creates what is missing.")
    effects = [name for name in reversed(TOPICS) if name not in CAUSES]
    retrained = sorted(name for name in present if spec_of(name) and name not in TOPICS)
    return [Place(name, partition) for name in (*retrained, *effects, *CAUSES) for partition in present[name]]


def _kept(schemas: WrittenWith, message: Message) -> LogRecord:
    schema, body = schemas.split(message.topic(), message.value())
    headers = message.headers() or []
    return LogRecord(message.offset(), timestamp_of(message), message.key(), headers, schema, body)
