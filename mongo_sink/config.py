"""A connector's properties, by the names of Kafka Connect and of MongoDB's connector, validated."""

from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, model_validator

from mongo_sink.connector_config import ConnectorConfig, common
from mongo_sink.properties import ConfigError, listed
from mongo_sink.rollups.fold import GRAINS
from mongo_sink.task import Properties
from mongo_sink.topic_config import TopicConfig
from schemas.topics import TOPICS

__all__ = [
    "CONFIGS",
    "ConfigError",
    "ConnectorConfig",
    "ModelFilesConfig",
    "MongoConfig",
    "RollUpConfig",
    "TopicConfig",
    "typed",
]

OVERRIDE = "topic.override."
URI = r"^mongodb(\+srv)?://"
OF_TOPICS = frozenset(field.alias or name for name, field in TopicConfig.model_fields.items())
OF_CONNECTORS = frozenset(field.alias or name for name, field in ConnectorConfig.model_fields.items())


class DatabaseConfig(ConnectorConfig):
    """A connector whose view is collections of a database."""

    model_config = ConfigDict(extra="forbid")

    uri: str = Field(alias="connection.uri", pattern=URI)
    database: str = Field(min_length=1)

    @property
    def collections(self) -> list[str]:
        """Where its documents are, each once."""
        raise NotImplementedError

    def kept(self) -> list[str]:
        """Its collections."""
        server = urlsplit(self.uri).netloc.rpartition("@")[2].lower()
        return [f"collection {name} of database {self.database} at {server}" for name in self.collections]


class MongoConfig(DatabaseConfig):
    """A connector that writes documents: ``topic.override.<topic>.<property>`` takes precedence for its topic."""

    by_topic: dict[str, TopicConfig]

    @property
    def collections(self) -> list[str]:
        """Where its documents are, each once."""
        return list(dict.fromkeys(topic.collection for topic in self.by_topic.values()))

    def gives_no_ids(self, collection: str) -> bool:
        """Whether the server gives a collection's documents their ``_id``, which is then another in every replay."""
        return any(each.strategy.business_key for each in self.by_topic.values() if each.collection == collection)

    def deletes(self, topic: str) -> bool:
        """Whether a tombstone deletes a document of the topic's collection."""
        return self.by_topic[topic].delete_on_null

    @model_validator(mode="before")
    @classmethod
    def _read(cls, properties: dict[str, Any]) -> dict[str, Any]:
        """Split off what is said per topic, and lay the overrides over it."""
        properties = common(properties)
        overrides = {key: value for key, value in properties.items() if key.startswith(OVERRIDE)}
        shared = {key: value for key, value in properties.items() if key in OF_TOPICS}
        rest = {key: properties[key] for key in properties.keys() - overrides.keys() - (OF_TOPICS - OF_CONNECTORS)}
        by_topic = {}
        for topic in listed(properties.get("topics", ())):
            prefix = f"{OVERRIDE}{topic}."
            own = {key.removeprefix(prefix): overrides.pop(key) for key in list(overrides) if key.startswith(prefix)}
            by_topic[topic] = _collection(topic, shared | common(_own(topic, own)))
        if overrides:
            raise ValueError(f"{next(iter(overrides))} overrides a topic that is not in topics")
        return {**rest, "by_topic": by_topic}

    @model_validator(mode="after")
    def _fields_exist(self) -> Self:
        for topic, config in self.by_topic.items():
            if any(name.startswith("Rename") for name in config.processors):
                continue  # which fields there are shows with the record
            for field in (config.id_field, config.write_model_field):
                if field is not None and field not in TOPICS[topic].event._fields:  # type: ignore[union-attr]
                    raise ValueError(f"{topic} has no field {field!r}")
        return self


class ModelFilesConfig(ConnectorConfig):
    """A connector that writes model files into a folder."""

    model_config = ConfigDict(extra="forbid")

    directory: Path = Field(alias="models.directory")

    def kept(self) -> list[str]:
        """Its folder, in which its positions are too."""
        return [f"folder {self.directory.resolve()}"]

    @model_validator(mode="after")
    def _models_only(self) -> Self:
        if self.tasks > 1:
            raise ValueError("tasks.max must be 1: a task remembers what its files hold")
        for topic in self.topics:
            if "weights" not in TOPICS[topic].event._fields:  # type: ignore[union-attr]
                raise ValueError(f"topics names {topic!r}, whose events carry no weights")
        return self


class RollUpConfig(DatabaseConfig):
    """A connector that sums forecast errors up, into collections that ``rollups.fold`` names."""

    @property
    def collections(self) -> list[str]:
        """Where its documents are."""
        return [grain.collection for grain in GRAINS]

    @model_validator(mode="after")
    def _predictions_only(self) -> Self:
        if self.topics != ("predictions",):
            raise ValueError(f"topics names {', '.join(self.topics)}: only predictions can be summed up")
        return self


CONFIGS: dict[str, type[ConnectorConfig]] = {
    "MongoSinkConnector": MongoConfig,
    "RollUpSinkConnector": RollUpConfig,
    "ModelFileSinkConnector": ModelFilesConfig,
}


def typed(properties: Properties) -> ConnectorConfig:
    """The validated properties of a connector of any class.

    Raises:
        ConfigError: naming the connector, the property and what is wrong with it.
    """
    kind = ConnectorConfig.of(properties).connector_class
    if kind not in CONFIGS:
        raise ConfigError(f"{properties['name']}: connector.class {kind!r} is none of {', '.join(CONFIGS)}")
    return CONFIGS[kind].of(properties)


def _own(topic: str, own: dict[str, Any]) -> dict[str, Any]:
    """What a topic says for itself.

    Raises:
        ValueError: it says what is one thing for the whole connector here.
    """
    for key in own:
        if key.partition(".")[0] == "transforms" or key in ("connection.uri", "database", *(OF_CONNECTORS - OF_TOPICS)):
            raise ValueError(f"{OVERRIDE}{topic}.{key} is not supported: a connector has one {key}")
    return own


def _collection(topic: str, properties: dict[str, Any]) -> dict[str, Any]:
    return properties if properties.get("collection") else properties | {"collection": topic}
