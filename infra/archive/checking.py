"""What has to be true before the first record is written."""

from collections.abc import Iterable, Iterator
from itertools import zip_longest
from pathlib import Path

from confluent_kafka import Message

from infra.archive import retaining
from infra.archive.manifest import Manifest, Partition, path_of, sum_of
from infra.archive.reading import LogReader, timestamp_of
from infra.archive.records import ArchiveError, Place
from infra.archive.writing import Write
from infra.retraining.names import spec_of


def check_files(folder: Path, archive: Manifest) -> None:
    """See that an archive is whole, and can be had on a log at the same offsets.

    Raises:
        ArchiveError: a file is damaged or missing, a topic unknown, or an offset without a record.
    """
    if unknown := [name for name in archive.topics if spec_of(name) is None]:
        raise ArchiveError(
            f"{folder} has topics that this version of Fedlog does not know ({', '.join(sorted(unknown))}): "
            "import it with the one that exported it."
        )
    if gaps := archive.gaps():
        raise ArchiveError(
            f"{folder} has offsets without a record, which nothing can be written to: {', '.join(gaps)}; "
            "it can be read, but not imported, for what points at later offsets would be wrong."
        )
    for place, partition in archive.partitions():
        if sum(segment.records for segment in partition.segments) != partition.records:
            raise ArchiveError(f"{place} in {folder} lacks records: have it exported again.")
        for segment in partition.segments:
            path = path_of(folder, place, segment)
            if not path.is_file():
                raise ArchiveError(f"{path} is missing: copy the archive again.")
            if sum_of(path) != segment.sha256:
                raise ArchiveError(f"{path} is damaged, its SHA-256 is not the manifest's: copy the archive again.")


def check_bounds(place: Place, partition: Partition, low: int, high: int) -> None:
    """See that a partition that has the offsets from ``low`` to before ``high`` may be what an import has begun.

    Raises:
        ArchiveError: it is not.
    """
    # Where a topic forgets, the broker may have begun to since an earlier import was through.
    forgets = place.topic in retaining.forgetting([place.topic])
    if high > partition.end or (low > partition.first and not forgets):
        raise not_empty(place)


def check_prefix(reader: LogReader, place: Place, low: int, high: int, archived: Iterable[Write]) -> None:
    """See that what a partition has is what it would get.

    Args:
        reader: Of the log that is written to.
        place: The partition.
        low: Its first offset.
        high: The one after its last.
        archived: What is to lie at the offsets from ``low`` to before ``high``.

    Raises:
        ArchiveError: it is something else.
    """
    there = _as_written(reader.read({place: (low, high)}), low)
    if any(found != expected for found, expected in zip_longest(there, archived)):
        raise not_empty(place)


def _as_written(messages: Iterable[Message], begin: int) -> Iterator[Write | None]:
    for offset, message in enumerate(messages, begin):
        kept = Write(timestamp_of(message), message.key(), message.value(), message.headers() or [])
        yield kept if message.offset() == offset else None


def not_empty(place: Place) -> ArchiveError:
    """The log is somebody's."""
    return ArchiveError(
        f"{place} has records that are not those of the archive, and nothing has been written: "
        "import into an empty log, e.g. after `make clean`, or with another FEDLOG_HOME."
    )
