"""Whether two views are equal: a digest of each collection, and where one differs from another."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from mongo_sink import digest
from mongo_sink.config import ModelFilesConfig, MongoConfig, RollUpConfig, typed
from mongo_sink.digest import Digest, Hashes
from mongo_sink.files_task import FOLDERS
from mongo_sink.mongo_client import connect
from mongo_sink.positions import Positions
from mongo_sink.task import Properties


class Compared(NamedTuple):
    """A collection, or the folder of model files, held against another.

    Attributes:
        name: of the collection.
        digest: its own.
        difference: the first document that is another.
        ahead: documents from records behind what the view says it holds, in order; of these there is nothing to say.
    """

    name: str
    digest: Digest
    difference: str | None
    ahead: list[str]


def digests(properties: Properties) -> dict[str, Digest]:
    """The digest of each collection, or of the folder of model files, that the connector keeps."""
    return {name: digest.of(hashes) for name, (hashes, *_) in _contents(properties, {}).items()}


def compared(properties: Properties, other: Properties, held: Positions) -> Iterator[Compared]:
    """Each collection beside that of the ``other`` view, which holds the log up to ``held``."""
    copies = _contents(other, {})
    for name, (hashes, ahead, servers_ids) in _contents(properties, held).items():
        copy = copies[name].hashes
        besides = set(ahead)
        if servers_ids and ahead:  # what these have replaced had other places, which stand for their ids
            besides |= {id_ for id_, _ in copy} - {id_ for id_, _ in hashes}
        yield Compared(name, digest.of(hashes), digest.first_difference(hashes, copy, besides), sorted(ahead))


class _Content(NamedTuple):
    """``ahead`` are the documents from records behind what the view holds; ``servers_ids``: places stand for ids."""

    hashes: Hashes
    ahead: set[str]
    servers_ids: bool = False


def _contents(properties: Properties, held: Positions) -> dict[str, _Content]:
    match typed(properties):
        case MongoConfig() | RollUpConfig() as config:
            with connect(config.uri) as client:
                database = client[config.database]
                return {name: _content(database[name], config, held) for name in config.collections}
        case ModelFilesConfig() as config:
            return {"model files": _Content(digest.hashes_of_folder(config.directory, FOLDERS), set())}
        case other:
            raise TypeError(f"{other.name} keeps no view that is known here")


def _content(collection: Any, config: MongoConfig | RollUpConfig, held: Positions) -> _Content:
    """With a place that is not in ``held``, nothing is ahead."""
    ahead: set[str] = set()

    def seen(id_: str, document: Any) -> None:
        log = document.get("_log") if held else None
        if log and log["offset"] >= held.get((log["topic"], log["partition"]), log["offset"] + 1):
            ahead.add(id_)

    servers_ids = isinstance(config, MongoConfig) and config.gives_no_ids(collection.name)
    return _Content(digest.hashes_of_collection(collection, servers_ids, seen), ahead, servers_ids)
