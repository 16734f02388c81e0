"""What an archive says of itself: offsets, records, files and their sums."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, ValidationError

from infra.archive.records import ArchiveError, Place, WriterSchema

NAME = "manifest.json"


class Subject(BaseModel):
    """One version of a subject of the registry."""

    subject: str
    version: int
    schema_text: str

    def writer(self) -> WriterSchema:
        """As records name it."""
        return WriterSchema(self.subject, self.version, self.schema_text)


class Segment(BaseModel):
    """A file with records of one partition, in the order of their offsets."""

    file: str = Field(pattern=r"^\d{20}\.avro$")
    first: int = Field(description="Offset of its first record.")
    last: int
    records: int = Field(gt=0)
    sha256: str
    subject: str | None = Field(None, description="Of the schema that its events were written with, if there is one.")
    version: int | None = None


class Partition(BaseModel):
    """What of a partition was exported: the records from ``first`` to before ``end``."""

    first: int = Field(ge=0)
    end: int
    records: int
    segments: list[Segment]


class Manifest(BaseModel):
    """An archive's table of contents. Two logs with the same records have the same, whatever their registries' ids."""

    format: Literal["fedlog-archive"] = "fedlog-archive"
    format_version: Literal[1] = 1
    schemas: list[Subject]
    unknown_schema_ids: list[int] = Field(description="That values begin with and that the registry did not know.")
    topics: dict[str, dict[int, Partition]]

    def partitions(self) -> Iterator[tuple[Place, Partition]]:
        """Every partition of every topic."""
        for topic, partitions in self.topics.items():
            for number, partition in partitions.items():
                yield Place(topic, number), partition

    def writer(self, segment: Segment) -> WriterSchema | None:
        """The schema behind a segment's events.

        Raises:
            ArchiveError: the archive does not hold it.
        """
        if segment.subject is None:
            return None
        for schema in self.schemas:
            if (schema.subject, schema.version) == (segment.subject, segment.version):
                return schema.writer()
        raise ArchiveError(f"{NAME} lacks version {segment.version} of {segment.subject}: have it exported again.")

    def said(self) -> str:
        """How much it is, for a person."""
        records = sum(partition.records for _, partition in self.partitions())
        return f"{records:,} records of {len(self.topics)} topics"

    def gaps(self) -> list[str]:
        """The partitions in which offsets are without a record, and how many."""
        missing = ((place, found.end - found.first - found.records) for place, found in self.partitions())
        return [f"{place} ({count})" for place, count in missing if count]


def written(folder: Path, manifest: Manifest) -> None:
    """Write the manifest into an archive's folder."""
    (folder / NAME).write_text(manifest.model_dump_json(indent=1) + "\n")


def read(folder: Path) -> Manifest:
    """An archive's manifest.

    Raises:
        ArchiveError: there is none, or it is no manifest of this format.
    """
    try:
        return Manifest.model_validate_json((folder / NAME).read_bytes())
    except OSError as error:
        raise ArchiveError(
            f"{folder} is not a whole archive, {NAME} cannot be read: name what was exported."
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        raise ArchiveError(
            f"{folder / NAME} is not what this version of Fedlog writes ({'.'.join(map(str, first['loc']))}: "
            f"{first['msg']}): import it with the one that exported it."
        ) from error


def path_of(folder: Path, place: Place, segment: Segment) -> Path:
    """Where a segment lies."""
    return folder / place.topic / str(place.partition) / segment.file


def sum_of(path: Path) -> str:
    """A file's SHA-256, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
