"""Finding versions of the global model on the log."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import click

from infra.settings import Settings
from infra.topics import read
from schemas.codec import Codec, UndecodableRecord
from schemas.events import GlobalModel


class UnknownVersionError(click.ClickException):
    """There is no such version on the log."""


class Found(NamedTuple):
    """A version, the one that it was made from (``None``: the common start), and from which that was, and so on."""

    model: GlobalModel
    parent: GlobalModel | None
    ancestors: list[int]


def find(settings: Settings, version: int | None) -> Found:
    """A version on the log, or the newest.

    Raises:
        UnknownVersionError: it is not on the log.
    """
    return chosen(lambda: _models(settings), version)


def chosen(events: Callable[[], Iterable[GlobalModel]], version: int | None) -> Found:
    """The same of events, of which none is held that is not wanted: they are gone through twice.

    Raises:
        UnknownVersionError: it is not among them.
    """
    parents: dict[int, int] = {}
    for event in events():
        parents.setdefault(event.version, event.parent_version)
    asked = max(parents, default=0) if version is None else version
    if asked not in parents:
        present = f"there are {min(parents)} to {max(parents)}" if parents else "there is none yet"
        raise UnknownVersionError(f"Version {asked} is not on the log: {present}.")
    ancestors, at = [], asked
    while at := parents.get(at, 0):
        ancestors.append(at)
    models: dict[int, GlobalModel] = {}
    for event in events():
        if event.version in {asked, *ancestors[:1]}:
            models.setdefault(event.version, event)
    return Found(models[asked], models.get(ancestors[0]) if ancestors else None, ancestors)


def _models(settings: Settings) -> Iterator[GlobalModel]:
    """The events as they lie on the log, but for what is none: the stages have a letter of it."""
    codec = Codec(settings.registry)
    for message in read(settings, "global_models", last=None, follow=False):
        try:
            yield codec.decode("global_models", message.value(), message.key())
        except UndecodableRecord:
            continue
