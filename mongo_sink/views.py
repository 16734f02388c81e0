"""What a connector keeps: how to delete it and how to tell whether two are equal."""

from collections.abc import Sequence

from mongo_sink import digest
from mongo_sink.config import CONFIGS, ConnectorConfig, ModelFilesConfig, MongoConfig
from mongo_sink.digest import Digest
from mongo_sink.files_task import FOLDERS
from mongo_sink.mongo_task import connect
from mongo_sink.task import Properties

VIEWS = {"mongo": ("MongoSinkConnector",), "models": ("ModelFileSinkConnector",), "all": tuple(CONFIGS)}


def of_view(connectors: Sequence[Properties], view: str) -> list[Properties]:
    """Those connectors that keep ``view``: mongo, models or all."""
    return [each for each in connectors if ConnectorConfig.of(each).connector_class in VIEWS[view]]


def clear(properties: Properties) -> None:
    """Delete everything the connector keeps."""
    match _typed(properties):
        case MongoConfig() as config:
            with connect(config.uri) as client:
                database = client[config.database]
                there = database.list_collection_names()
                for topic in config.by_topic.values():
                    if topic.collection in there:
                        database.drop_collection(topic.collection)
        case ModelFilesConfig() as config:
            for folder in FOLDERS:
                for path in (config.directory / folder).glob("*.safetensors"):
                    path.unlink()


def digests(properties: Properties) -> dict[str, Digest]:
    """The digest of each collection, or of the folder of model files, that the connector keeps."""
    match _typed(properties):
        case MongoConfig() as config:
            with connect(config.uri) as client:
                names = [topic.collection for topic in config.by_topic.values()]
                return {name: digest.of_collection(client[config.database][name]) for name in names}
        case ModelFilesConfig() as config:
            return {"model files": digest.of_folder(config.directory)}
        case other:
            raise TypeError(f"{other.name} keeps no view that is known here")


def _typed(properties: Properties) -> ConnectorConfig:
    return CONFIGS[ConnectorConfig.of(properties).connector_class].of(properties)
