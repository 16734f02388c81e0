"""What each topic is: its event, its partitions, its configuration."""

import json
from importlib import resources
from typing import Any, NamedTuple

from schemas.events import (
    DeadLetter,
    Event,
    FleetInsight,
    GlobalModel,
    LocalUpdate,
    ModelCommand,
    Prediction,
    Reading,
    WindowPart,
    WindowPlan,
)

PARTITIONS = 4
LARGEST_BYTES = 16 * 2**20
"""Of a record."""
YEAR_MS = 365 * 24 * 3600 * 1000
FOREVER = {
    # Records carry event time; Kafka's default retention would delete the readings of 2004 within minutes.
    "retention.ms": "-1",
    "retention.bytes": "-1",
    "cleanup.policy": "delete",
    # A model's event has a contribution of some hundred bytes for each device of a window.
    "max.message.bytes": str(LARGEST_BYTES),
    # A replay passes years of event time in hours: neither roll segments for it nor refuse moments to come; but for
    # those that no calendar has, which Spark's cannot even pass over. Who writes one is told so.
    "segment.ms": str(10 * YEAR_MS),
    "message.timestamp.after.max.ms": str(7_000 * YEAR_MS),
}

LARGEST_PART_BYTES = 4 * LARGEST_BYTES
"""Sixteen for each number of a sum, beside four in an update."""
PASSING = FOREVER | {
    "retention.ms": str(24 * 3600 * 1000),
    "message.timestamp.type": "LogAppendTime",
    "max.message.bytes": str(LARGEST_PART_BYTES),
}
"""Of what is asked and answered within seconds, and follows from the rest of the log: kept for a day of the clock."""


class TopicSpec(NamedTuple):
    """One topic of the log."""

    name: str
    event: type[Event]
    partitions: int = PARTITIONS
    config: dict[str, str] = FOREVER

    @property
    def subject(self) -> str:
        """The registry's subject for the values of this topic."""
        return f"{self.name}-value"

    @property
    def schema(self) -> dict[str, Any]:
        """The Avro record schema, as JSON."""
        return json.loads(resources.files("schemas").joinpath(f"{self.name}.avsc").read_text("utf-8"))


TOPICS = {
    spec.name: spec
    for spec in (
        TopicSpec("iot_stream", Reading),
        TopicSpec("local_updates", LocalUpdate),
        TopicSpec("global_models", GlobalModel),
        TopicSpec("model_commands", ModelCommand),
        TopicSpec("window_plans", WindowPlan, config=PASSING),
        TopicSpec("window_parts", WindowPart, config=PASSING),
        TopicSpec("predictions", Prediction),
        TopicSpec("dead_letters", DeadLetter),
        TopicSpec("fleet_analytics", FleetInsight),
    )
}
TOPIC_OF: dict[type, str] = {spec.event: spec.name for spec in TOPICS.values()}
