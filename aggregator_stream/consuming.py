"""What the Faust apps of the aggregator have in common: how they read and write the log."""

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import faust
from faust.types import EventT

from schemas.events import DeadLetter
from schemas.log_lines import handling
from schemas.wire import Origin, dead_letter, place_id

logger = logging.getLogger(__name__)


def app(group: str, bootstrap: str, folder: Path, session_s: int, largest_bytes: int, **more: Any) -> faust.App:
    """A Faust app that keeps nothing and creates no topic.

    Args:
        group: its consumer group.
        bootstrap: Kafka, host:port.
        folder: for Faust's own files.
        session_s: after which a killed process's place in the group is free again, s.
        largest_bytes: of a record that it writes.
        more: settings of Faust's.
    """
    return faust.App(
        group,
        broker=f"kafka://{bootstrap}",
        datadir=folder,
        store="memory://",
        topic_disable_leader=True,
        topic_allow_declare=False,
        consumer_auto_offset_reset="earliest",
        # Told to stop, it stops: what has not been decided is read again. Faust would wait for its own commits.
        stream_wait_empty=False,
        broker_session_timeout=session_s,
        broker_heartbeat_interval=session_s / 4,
        producer_acks=-1,
        producer_max_request_size=largest_bytes,
        web_enabled=False,
        **more,
    )


def topics(reader: faust.App, names: Iterable[str]) -> dict[str, Any]:
    """Topics of raw records, by name."""
    return {
        name: reader.topic(name, key_serializer="raw", value_serializer="raw", key_type=bytes, value_type=bytes)
        for name in names
    }


def letter(stage: str, topic: str, event: EventT[Any], error: Exception) -> DeadLetter:
    """For a record that ``stage`` could not digest, which the log of the process is told too."""
    message = event.message
    with handling(place_id(topic, message.partition, message.offset)):
        logger.error("%s/%d/%d: %s", topic, message.partition, message.offset, error)
    origin = Origin(topic, message.partition, message.offset, message.key, int(message.timestamp * 1000))
    return dead_letter(stage, origin, message.value or b"", error)
