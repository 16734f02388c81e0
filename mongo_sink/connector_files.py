"""The folder of connectors, a JSON file each, as the sink takes it all together."""

import json
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mongo_sink.config import CONFIGS, typed
from mongo_sink.connector_config import ConnectorConfig, without_effect
from mongo_sink.properties import ConfigError
from mongo_sink.task import Properties

LOG = logging.getLogger(__name__)
CONNECTORS = Path(__file__).parent / "connectors"


def load(folder: Path, given: Mapping[str, Properties]) -> list[Properties]:
    """The properties of every connector in ``folder``, by file name, validated.

    Args:
        folder: holds a JSON file per connector.
        given: per connector class, properties from the command line; they take precedence over the file's.

    Raises:
        ConfigError: a file is not a connector, two have one name or write to one place, or there is none.
    """
    connectors: dict[str, Properties] = {}
    for path in sorted(folder.glob("*.json")):
        properties = _properties(path)
        kind = ConnectorConfig.of(properties).connector_class
        if kind not in CONFIGS:
            raise ConfigError(f"{path.name}: connector.class {kind!r} is none of {', '.join(CONFIGS)}")
        properties |= given.get(kind, {})
        name = typed(properties).name
        if name in connectors:
            raise ConfigError(f"{path.name}: another connector is called {name!r} already")
        for sentence in without_effect(properties):
            LOG.warning("%s: %s", name, sentence)
        connectors[name] = properties
    if not connectors:
        raise ConfigError(f"{folder} holds no connector (*.json)")
    refuse_shared(connectors.values())
    return list(connectors.values())


def refuse_shared(connectors: Iterable[Properties]) -> None:
    """See that no two connectors write to one collection, or one folder: what a replay of the one builds, another's
    deletes.

    Two addresses may be one server's, which cannot be known here: only those that are written alike are taken for it.

    Raises:
        ConfigError: two do; the sentence names both.
    """
    owners: dict[str, str] = {}
    for properties in connectors:
        config = typed(properties)
        for place in config.kept():
            owner = owners.setdefault(place, config.name)
            if owner != config.name:
                raise ConfigError(
                    f"{owner} and {config.name} both write to {place}, which a replay of either deletes: "
                    "give one of them another, or make them one connector"
                )


def _properties(path: Path) -> dict[str, Any]:
    """A file's properties: the object itself, or as Kafka Connect's REST API takes it, under ``config``."""
    try:
        properties = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ConfigError(f"{path.name} is not JSON: {error}") from error
    if not isinstance(properties, dict):
        raise ConfigError(f"{path.name} is not a JSON object of properties")
    if isinstance(inner := properties.get("config"), dict):
        return {"name": properties.get("name")} | inner
    return properties
