"""A connector's properties, by the names of Kafka Connect and of MongoDB's connector, validated."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from mongo_sink.ids import ID_STRATEGIES, IdStrategy
from mongo_sink.task import Properties
from mongo_sink.write_models import WRITE_MODELS, WriteModel
from schemas.topics import TOPICS

CONNECTORS = Path(__file__).parent / "connectors"
OVERRIDE = "topic.override."


class ConfigError(ValueError):
    """The properties of a connector are wrong; the message is one sentence that says where."""


def _simple(name: str) -> str:
    """A class name without its package: MongoDB's full names are understood."""
    return str(name).rpartition(".")[2]


def _listed(value: Any) -> Any:
    return [item.strip() for item in value.split(",")] if isinstance(value, str) else value


class _Properties(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def of(cls, properties: Properties | Mapping[str, Any]) -> Self:
        """The validated properties.

        Raises:
            ConfigError: naming the connector, the property and what is wrong with it.
        """
        try:
            return cls.model_validate(dict(properties))
        except ValidationError as error:
            connector = properties.get("name", "a connector without a name")
            raise ConfigError(f"{connector}: {_sentence(error)}") from error


class TopicConfig(_Properties):
    """How one topic is written to its collection."""

    collection: str = Field(min_length=1)
    id_strategy: Annotated[str, BeforeValidator(_simple)] = Field("KafkaMetaDataStrategy", alias="document.id.strategy")
    id_field: str | None = Field(None, alias="document.id.strategy.value.field")
    write_model: Annotated[str, BeforeValidator(_simple)] = Field(
        "InsertOneDefaultStrategy", alias="writemodel.strategy"
    )
    write_model_field: str | None = Field(None, alias="writemodel.strategy.value.field")

    @model_validator(mode="after")
    def _strategies(self) -> Self:
        _known("document.id.strategy", self.id_strategy, ID_STRATEGIES, self.id_field)
        _known("writemodel.strategy", self.write_model, WRITE_MODELS, self.write_model_field)
        return self


class ConnectorConfig(_Properties):
    """What the worker needs of any connector."""

    model_config = ConfigDict(extra="ignore")

    name: str = Field(pattern=r"^[A-Za-z0-9._-]+$")
    connector_class: Annotated[str, BeforeValidator(_simple)] = Field(alias="connector.class")
    topics: Annotated[tuple[str, ...], BeforeValidator(_listed)] = Field(min_length=1)
    tasks: int = Field(1, gt=0, le=64, alias="tasks.max")
    max_batch_size: int = Field(2000, gt=0, le=1_000_000, alias="max.batch.size")
    tolerance: Literal["none", "all"] = Field("none", alias="errors.tolerance")
    dead_letter_topic: str = Field("", alias="errors.deadletterqueue.topic.name")

    @property
    def group(self) -> str:
        """The consumer group, whose committed offsets say how far the view is."""
        return f"sink-{self.name}"

    @model_validator(mode="after")
    def _topics_exist(self) -> Self:
        for topic in self.topics:
            if topic not in TOPICS:
                raise ValueError(f"topics names {topic!r}, which has no schema here ({', '.join(TOPICS)})")
        return self


class MongoConfig(ConnectorConfig):
    """A connector that writes documents: ``topic.override.<topic>.<property>`` takes precedence for its topic."""

    model_config = ConfigDict(extra="forbid")

    uri: str = Field(alias="connection.uri", pattern=r"^mongodb(\+srv)?://")
    database: str = Field(min_length=1)
    by_topic: dict[str, TopicConfig]

    @model_validator(mode="before")
    @classmethod
    def _merged(cls, properties: dict[str, Any]) -> dict[str, Any]:
        """Split off what is said per topic, and lay the overrides over it."""
        of_topics = {field.alias or name for name, field in TopicConfig.model_fields.items()}
        shared = {key: value for key, value in properties.items() if key in of_topics}
        overrides = {key: value for key, value in properties.items() if key.startswith(OVERRIDE)}
        rest = {key: value for key, value in properties.items() if key not in shared and key not in overrides}
        by_topic = {}
        for topic in _listed(properties.get("topics", ())):
            prefix = f"{OVERRIDE}{topic}."
            own = {key.removeprefix(prefix): overrides.pop(key) for key in list(overrides) if key.startswith(prefix)}
            by_topic[topic] = {"collection": topic, **shared, **own}
        if overrides:
            raise ValueError(f"{next(iter(overrides))} overrides a topic that is not in topics")
        return {**rest, "by_topic": by_topic}

    @model_validator(mode="after")
    def _fields_exist(self) -> Self:
        for topic, config in self.by_topic.items():
            for field in (config.id_field, config.write_model_field):
                if field is not None and field not in TOPICS[topic].event._fields:  # type: ignore[union-attr]
                    raise ValueError(f"{topic} has no field {field!r}")
        return self


class ModelFilesConfig(ConnectorConfig):
    """A connector that writes model files into a folder."""

    model_config = ConfigDict(extra="forbid")

    directory: Path = Field(alias="models.directory")

    @model_validator(mode="after")
    def _models_only(self) -> Self:
        if self.tasks > 1:
            raise ValueError("tasks.max must be 1: a task remembers what its files hold")
        for topic in self.topics:
            if "weights" not in TOPICS[topic].event._fields:  # type: ignore[union-attr]
                raise ValueError(f"topics names {topic!r}, whose events carry no weights")
        return self


CONFIGS: dict[str, type[ConnectorConfig]] = {
    "MongoSinkConnector": MongoConfig,
    "ModelFileSinkConnector": ModelFilesConfig,
}


def load(folder: Path, given: Mapping[str, Properties]) -> list[Properties]:
    """The properties of every connector in ``folder``, by file name, validated.

    Args:
        folder: holds a JSON file per connector.
        given: per connector class, properties from the command line; they take precedence over the file's.

    Raises:
        ConfigError: a file is not a connector, two have one name, or there is none.
    """
    connectors: dict[str, Properties] = {}
    for path in sorted(folder.glob("*.json")):
        try:
            properties = json.loads(path.read_text("utf-8"))
        except ValueError as error:
            raise ConfigError(f"{path.name} is not JSON: {error}") from error
        if not isinstance(properties, dict):
            raise ConfigError(f"{path.name} is not a JSON object of properties")
        kind = ConnectorConfig.of(properties).connector_class
        if kind not in CONFIGS:
            raise ConfigError(f"{path.name}: connector.class {kind!r} is none of {', '.join(CONFIGS)}")
        properties |= given.get(kind, {})
        name = CONFIGS[kind].of(properties).name
        if name in connectors:
            raise ConfigError(f"{path.name}: another connector is called {name!r} already")
        connectors[name] = properties
    if not connectors:
        raise ConfigError(f"{folder} holds no connector (*.json)")
    return list(connectors.values())


def _known(key: str, name: str, known: Mapping[str, IdStrategy | WriteModel], field: str | None) -> None:
    if name not in known:
        raise ValueError(f"{key} {name!r} is none of {', '.join(known)}")
    if known[name].needs_field != (field is not None):
        raise ValueError(f"{key} {name!r} {'needs' if known[name].needs_field else 'takes no'} {key}.value.field")


def _sentence(error: ValidationError) -> str:
    """The first thing that is wrong; the rest shows when that is right."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    what = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        return f"{where} is not a property that it knows"
    if first["type"] == "missing":
        return f"{where} is missing"
    return f"{where} is {first['input']!r}: {what}" if where and first["type"] != "value_error" else what
