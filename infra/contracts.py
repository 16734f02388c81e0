"""Topics and schemas as ``schemas/`` wants them: created where they are missing, brought up to date where they exist.

``python -m infra.contracts`` does it, and ends.
"""

import logging
from collections.abc import Mapping

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    OffsetSpec,
    ResourceType,
)
from confluent_kafka.schema_registry import SchemaRegistryClient
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from infra.settings import Settings
from schemas import log_lines
from schemas.registry import register
from schemas.topics import TOPICS, TopicSpec

logger = logging.getLogger("infra.contracts")


def establish(settings: Settings) -> None:
    """Create the topics and register the schemas; a second time nothing changes.

    Raises:
        BreakingChangeError: a schema is not compatible with what the log was written with.
        KafkaException: a topic cannot be created or configured.
    """
    admin = AdminClient({"bootstrap.servers": settings.bootstrap})
    present = admin.list_topics(timeout=10).topics
    create(settings, {name: spec for name, spec in TOPICS.items() if name not in present})
    _configure(admin, [spec for spec in TOPICS.values() if spec.name in present])
    client = SchemaRegistryClient({"url": settings.registry})
    for spec in TOPICS.values():
        schema_id = register(client, spec)
        logger.info("%s is schema %d", spec.subject, schema_id)


def create(settings: Settings, specs: Mapping[str, TopicSpec]) -> None:
    """Create topics of these names; once it returns they can be written and read.

    Raises:
        KafkaException: one is there, or cannot be created, or has no leader within half a minute.
    """
    new = [NewTopic(name, spec.partitions, 1, config=spec.config) for name, spec in specs.items()]
    if not new:
        return
    admin = AdminClient({"bootstrap.servers": settings.bootstrap})
    for name, created in admin.create_topics(new).items():
        created.result()
        logger.info("created topic %s", name)
    _led(settings, [TopicPartition(each.topic, partition) for each in new for partition in range(each.num_partitions)])


@retry(retry=retry_if_exception_type(KafkaException), stop=stop_after_delay(30), wait=wait_fixed(0.1), reraise=True)
def _led(settings: Settings, places: list[TopicPartition]) -> None:
    """Wait for the leaders of new partitions: a busy broker has none for them until a moment after it has made them.

    Each attempt is by another client, for one that asks too early takes half a minute to ask again.
    """
    client = AdminClient({"bootstrap.servers": settings.bootstrap})
    for answer in client.list_offsets({place: OffsetSpec.latest() for place in places}).values():
        answer.result()


def _configure(admin: AdminClient, specs: list[TopicSpec]) -> None:
    """Have topics that an older version created, or somebody changed, configured as those that are new."""
    resources = {spec.name: ConfigResource(ResourceType.TOPIC, spec.name) for spec in specs}
    described = admin.describe_configs(list(resources.values())) if resources else {}
    other = []
    for spec in specs:
        found = described[resources[spec.name]].result()
        changed = {name: value for name, value in spec.config.items() if found[name].value != value}
        if changed:
            logger.info("topic %s is to have %s", spec.name, changed)
            entries = [ConfigEntry(*item, incremental_operation=AlterConfigOpType.SET) for item in changed.items()]
            other.append(ConfigResource(ResourceType.TOPIC, spec.name, incremental_configs=entries))
    for altered in (admin.incremental_alter_configs(other) if other else {}).values():
        altered.result()


if __name__ == "__main__":
    log_lines.begin("contracts")
    establish(Settings())
