"""Topics that forget: they take an archive's records only if they are asked not to for that long."""

from collections.abc import Iterable

from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from schemas.topics import TOPICS

TAKING = {"retention.ms": "-1", "message.timestamp.type": "CreateTime"}
"""With the records' own timestamps, and without deleting those that are past the topic's retention."""


def take(admin: AdminClient, topics: Iterable[str]) -> None:
    """Have topics keep what they get, as they get it."""
    for topic in forgetting(topics):
        _set(admin, topic, TAKING)


def forget(admin: AdminClient, topics: Iterable[str]) -> None:
    """Have topics be again as their contract says."""
    for topic in forgetting(topics):
        _set(admin, topic, {name: TOPICS[topic].config[name] for name in TAKING})


def forgetting(topics: Iterable[str]) -> list[str]:
    """Those of the topics that do not keep all; what a retraining makes is kept."""
    asked = (topic for topic in topics if topic in TOPICS)
    return [topic for topic in asked if TOPICS[topic].config["retention.ms"] != TAKING["retention.ms"]]


def _set(admin: AdminClient, topic: str, config: dict[str, str]) -> None:
    entries = [ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in config.items()]
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)
    for altered in admin.incremental_alter_configs([resource]).values():
        altered.result()
