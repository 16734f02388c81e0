"""Topics and schemas as ``schemas/`` wants them: created where they are missing, checked where they exist.

``python -m infra.contracts`` does it, and ends.
"""

import logging

from confluent_kafka.admin import AdminClient, NewTopic
from confluent_kafka.schema_registry import SchemaRegistryClient

from infra.settings import Settings
from schemas import log_lines
from schemas.registry import register
from schemas.topics import TOPICS

logger = logging.getLogger("infra.contracts")


def establish(settings: Settings) -> None:
    """Create the topics and register the schemas; a second time nothing changes.

    Raises:
        BreakingChangeError: a schema is not compatible with what the log was written with.
        KafkaException: a topic cannot be created.
    """
    admin = AdminClient({"bootstrap.servers": settings.bootstrap})
    present = admin.list_topics(timeout=10).topics
    missing = [spec for spec in TOPICS.values() if spec.name not in present]
    new = [NewTopic(spec.name, spec.partitions, 1, config=spec.config) for spec in missing]
    for name, created in (admin.create_topics(new) if new else {}).items():
        created.result()
        logger.info("created topic %s", name)
    client = SchemaRegistryClient({"url": settings.registry})
    for spec in TOPICS.values():
        schema_id = register(client, spec)
        logger.info("%s is schema %d", spec.subject, schema_id)


if __name__ == "__main__":
    log_lines.begin("contracts")
    establish(Settings())
