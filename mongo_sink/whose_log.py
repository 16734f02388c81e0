"""Which log a view is of: the id of Kafka's cluster, kept beside the view's positions. An offset says nothing of it."""

from typing import Any

from confluent_kafka import KafkaException

from mongo_sink import positions
from mongo_sink.config import ConnectorConfig, ModelFilesConfig, MongoConfig, RollUpConfig, typed
from mongo_sink.mongo_client import connect
from mongo_sink.task import Properties

ANSWER_SECONDS = 10.0


class OtherLogError(RuntimeError):
    """A view is of another log than the one that is read."""


def log_of(client: Any) -> str:
    """The id of the cluster that a consumer, or an admin client, is connected to.

    Raises:
        KafkaException: Kafka does not answer, or not yet with this.
    """
    found = client.list_topics(timeout=ANSWER_SECONDS).cluster_id
    if not found:
        raise KafkaException("Kafka does not say which cluster it is")
    return str(found)


def check(properties: Properties, log: str) -> bool:
    """Whether the view says that it is of this log; one that says nothing may be.

    Raises:
        OtherLogError: it is of another one.
    """
    config = typed(properties)
    said = _said(config)
    if said not in (None, log):
        raise OtherLogError(
            f"{config.name}: the view is of the log of Kafka cluster {said}, and this one is that of {log}: "
            "it is a view of another log; drop it with a replay, or give the connector another database"
        )
    return said is not None


def claim(properties: Properties, log: str) -> None:
    """Have the view say that it is of this log.

    Raises:
        OtherLogError: it is of another one.
    """
    if check(properties, log):
        return
    match typed(properties):
        case MongoConfig() | RollUpConfig() as config:
            with connect(config.uri) as client:
                positions.hold_log(client[config.database][positions.COLLECTION], config.name, log)
        case ModelFilesConfig() as config:
            positions.write_log(config.directory, log)


def _said(config: ConnectorConfig) -> str | None:
    match config:
        case MongoConfig() | RollUpConfig():
            with connect(config.uri) as client:
                return positions.log_held(client[config.database][positions.COLLECTION], config.name)
        case ModelFilesConfig():
            return positions.read_log(config.directory)
        case other:
            raise TypeError(f"{other.name} keeps no view that is known here")
