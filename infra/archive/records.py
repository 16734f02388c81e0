"""Records as an archive keeps them: all that lies on the log, but for the registry's own number of a schema."""

from typing import NamedTuple

import click


class ArchiveError(click.ClickException):
    """One sentence that says what is wrong, and what to do."""


class Place(NamedTuple):
    """A partition."""

    topic: str
    partition: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}"


class WriterSchema(NamedTuple):
    """A schema as one registry holds it; another holds it under the same subject, by another id."""

    subject: str
    version: int
    text: str


class LogRecord(NamedTuple):
    """One record at its offset.

    Where ``schema`` is set, the value began with its Confluent header, and ``body`` is what follows; else ``body`` is
    all of the value. ``timestamp`` is in ms; -1 where the record has none.
    """

    offset: int
    timestamp: int
    key: bytes | None
    headers: list[tuple[str, bytes | None]]
    schema: WriterSchema | None
    body: bytes | None
