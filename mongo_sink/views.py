"""What a connector keeps: where, up to where, how to delete it, how to have it elsewhere."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from mongo_sink import positions
from mongo_sink.config import (
    CONFIGS,
    ConfigError,
    ConnectorConfig,
    ModelFilesConfig,
    MongoConfig,
    RollUpConfig,
    typed,
)
from mongo_sink.connector_files import refuse_shared
from mongo_sink.files_task import FOLDERS
from mongo_sink.mongo_client import connect
from mongo_sink.positions import Place
from mongo_sink.task import Properties

VIEWS = {
    "mongo": ("MongoSinkConnector", "RollUpSinkConnector"),
    "models": ("ModelFileSinkConnector",),
    "all": tuple(CONFIGS),
}
TAKEN = (*FOLDERS, "admin", "config")
"""No names of a view beside the sink's: folders of its own, and databases of the server's, as ``local`` is too."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,60}")


def of_view(connectors: Sequence[Properties], view: str) -> list[Properties]:
    """Those connectors that keep ``view``: mongo, models (the files), all, or else the one of that name.

    Raises:
        ConfigError: there is none.
    """
    configured = [(each, ConnectorConfig.of(each)) for each in connectors]
    if view in VIEWS:
        found = [each for each, own in configured if own.connector_class in VIEWS[view]]
    else:
        found = [each for each, own in configured if own.name == view]
    if not found:
        names = ", ".join([*VIEWS, *(own.name for _, own in configured)])
        raise ConfigError(f"{view!r} is no view: one of {names}")
    return found


def clear(properties: Properties) -> None:
    """Delete everything the connector keeps."""
    match typed(properties):
        case MongoConfig() | RollUpConfig() as config:
            with connect(config.uri) as client:
                database = client[config.database]
                positions.forget(database[positions.COLLECTION], config.name)
                there = database.list_collection_names()
                for name in config.collections:
                    if name in there:
                        database.drop_collection(name)
        case ModelFilesConfig() as config:
            for name in (positions.FILE, positions.LOG_FILE):
                (config.directory / name).unlink(missing_ok=True)
            for folder in FOLDERS:
                for path in (config.directory / folder).glob("*.safetensors"):
                    path.unlink()


def held(properties: Properties, places: Sequence[Place]) -> Mapping[Place, int]:
    """Up to where the view says that it holds partitions."""
    match typed(properties):
        case MongoConfig() | RollUpConfig() as config:
            with connect(config.uri) as client:
                return positions.held(client[config.database][positions.COLLECTION], config.name, places)
        case ModelFilesConfig() as config:
            return positions.read(config.directory)
        case other:
            raise TypeError(f"{other.name} keeps no view that is known here")


def into(connectors: Sequence[Properties], name: str) -> list[Properties]:
    """The connectors with views in a database of that name, and model files in a folder of that name in theirs.

    Raises:
        ConfigError: it is no name, or that of something else, or two connectors would meet in it.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{name!r} is no name of a view: take letters, digits, - and _, 61 at most")
    if name.lower() in TAKEN:
        raise ConfigError(f"{name!r} is no name of a view: {', '.join(TAKEN)} are something else's; choose another")
    for properties in connectors:
        if properties.get("database") == name:
            raise ConfigError(f"{name!r} is the database that {properties['name']} keeps: choose another")
    moved = [elsewhere(each, name, Path(str(each.get("models.directory", ""))) / name) for each in connectors]
    refuse_shared(moved)
    return moved


def elsewhere(properties: Properties, database: str, folder: Path) -> Properties:
    """The connector with a view in another database, or another folder."""
    match typed(properties):
        case MongoConfig() | RollUpConfig():
            return {**properties, "database": database}
        case _:
            return {**properties, "models.directory": str(folder)}
