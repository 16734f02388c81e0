"""A topic's collection before the first write: a time series, its validator, its indexes, where the server has such.

Whether it does is asked of the server: the embedded stand-in says yes to ``create`` with anything, and keeps nothing.
"""

import logging
from typing import Any

from pymongo.errors import CollectionInvalid, OperationFailure

from mongo_sink.documents import Document
from mongo_sink.projections import ONE
from mongo_sink.schema_rules import derived_index, is_leaf, validator
from mongo_sink.topic_config import TopicConfig
from mongo_sink.writes import PASSING, ServerNotReadyError
from schemas.topics import TOPICS

LOG = logging.getLogger(__name__)
MADE_BY_ANOTHER = 48  # task, in between
NOT_TO_BE_HAD = (59, 13)  # no such command, no right to it
KEEPING_FIELDS = {"DocumentIdAdder", "KafkaMetaAdder"}


class PreparationError(RuntimeError):
    """The collection cannot be what the connector's properties want it to be; the message is one sentence."""


def prepare(database: Any, topic: str, config: TopicConfig) -> None:
    """Make the collection what the properties want.

    Raises:
        PreparationError: the server has no such thing, or does not want it.
        pymongo.errors.PyMongoError, ServerNotReadyError: those in ``TRANSIENT`` pass; preparing again is harmless.
    """
    try:
        if config.time_field:
            _time_series(database, config)
        else:
            _validated(database, topic, config)
        for keys in indexes(topic, config):
            database[config.collection].create_index(list(keys.items()), unique=config.strategy.business_key)
    except CollectionInvalid as error:
        raise ServerNotReadyError(str(error)) from error
    except OperationFailure as error:
        if error.code in PASSING or error.code == MADE_BY_ANOTHER:
            raise ServerNotReadyError(str(error)) from error
        raise PreparationError(f"{config.collection} cannot be prepared: {error}") from error


def time_series_options(config: TopicConfig) -> Document:
    """What ``create`` is told of a time series."""
    told = {"timeField": config.time_field, "metaField": config.meta_field, "granularity": config.granularity}
    options: Document = {"timeseries": {name: value for name, value in told.items() if value}}
    return options | ({"expireAfterSeconds": config.expire_after_s} if config.expire_after_s else {})


def indexes(topic: str, config: TopicConfig) -> list[Document]:
    """A business key's, which keeps two tasks from inserting it both; ``collection.indexes``; or what is derived."""
    schema = TOPICS[topic].schema
    if config.strategy.business_key:
        paths = config.id_projection.paths if config.id_projection and config.id_projection.kind == "allow" else ()
        plain = _keeps_fields(config) and all(ONE not in path and is_leaf(schema, path) for path in paths)
        return [dict.fromkeys(paths, 1)] if paths and plain else []
    if config.indexes is not None:
        return [dict(keys) for keys in config.indexes]
    derived = derived_index(schema)
    return [derived] if derived and _keeps_fields(config) and not config.time_field else []


def _time_series(database: Any, config: TopicConfig) -> None:
    if found := _described(database, config.collection):
        if found.get("type") != "timeseries":
            raise PreparationError(f"timeseries.timefield: {config.collection} is there, and is no time series")
        return
    database.create_collection(config.collection, **time_series_options(config))
    if _described(database, config.collection).get("type") != "timeseries":
        database.drop_collection(config.collection)
        raise PreparationError(f"timeseries.timefield {config.time_field!r}: this server has no time series")


def _validated(database: Any, topic: str, config: TopicConfig) -> None:
    if config.validator is False or not (_keeps_fields(config) or config.validator):
        return
    if not _keeps_fields(config):
        raise PreparationError("collection.validator is of the event's fields, and post.processor.chain changes them")
    wanted = validator(TOPICS[topic].schema)
    found = _described(database, config.collection)
    try:
        if not found:
            database.create_collection(config.collection, validator=wanted)
        elif _validator_of(found) != wanted:
            database.command("collMod", config.collection, validator=wanted)
    except OperationFailure as error:
        if error.code not in NOT_TO_BE_HAD:
            raise
    if _validator_of(_described(database, config.collection)) == wanted:
        return
    if config.validator:
        raise PreparationError(f"collection.validator: this server keeps no validator for {config.collection}")
    LOG.info("%s has no validator: the server keeps none", config.collection)


def _keeps_fields(config: TopicConfig) -> bool:
    return set(config.processors) <= KEEPING_FIELDS


def _validator_of(described: dict[str, Any]) -> Any:
    return described.get("options", {}).get("validator")


def _described(database: Any, name: str) -> dict[str, Any]:
    return next(iter(database.list_collections(filter={"name": name})), {})
