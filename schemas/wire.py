"""Records as they lie on the log: key, value, headers, timestamp. No serialization here, only what goes where."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
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
from schemas.topics import LARGEST_BYTES

Headers = list[tuple[str, bytes]]
WATERMARK = "watermark"
"""Header in ``local_updates``: what the writer's watermark was when the record was written, ms as text."""

WRITTEN_AT = "written_at"
"""Header of readings and forecasts: the wall clock of who wrote the record, ms as text. Record timestamps are of event
time; this is for people who ask how long a forecast took, and nothing is decided by it."""
STAMPED = frozenset({"iot_stream", "predictions"})

LONGEST_KEY = 2**20
LONGEST_ORIGINAL = LARGEST_BYTES - 3 * LONGEST_KEY
"""Bytes of a record's key and value that a letter holds. The key is in it twice; as much again is left for texts."""
LONGEST_TEXT = 10_000
"""Characters of a message in a letter: it may quote key or value."""


_KEYED_BY: dict[type, str] = {
    **dict.fromkeys((GlobalModel, ModelCommand, WindowPlan, WindowPart), "model"),
    DeadLetter: "letter_id",
}


class Record(NamedTuple):
    """One Kafka record to be written. ``timestamp`` in ms, event time wherever the event has one."""

    topic: str
    key: bytes
    value: bytes
    headers: Headers
    timestamp: int


def is_mark(topic: str, value: bytes | None) -> bool:
    """Whether a record is no event but a mark of its writer's watermark, which stands in the header."""
    return topic == "local_updates" and value is None


class Origin(NamedTuple):
    """Where a record that was read lies on the log, and what it says beside its value."""

    topic: str
    partition: int
    offset: int
    key: bytes | None = None
    timestamp: int | None = None
    written_at: int | None = None


def place_id(topic: str, partition: int, offset: int) -> str:
    """Where a record lies on the log, in one word."""
    return f"{topic}#{partition}#{offset}"


def key_of(event: Event) -> bytes:
    """The record key: the device, the model's name, or the key of what became a dead letter."""
    return _key(type(event), lambda name: getattr(event, name))


def key_in(kind: type[Event], row: dict[str, Any]) -> bytes:
    """The same of an event's fields."""
    return _key(kind, row.__getitem__)


def timestamp_of(event: Event) -> int:
    """The record timestamp, ms: when the event happened in event time."""
    match event:
        case GlobalModel() | WindowPlan() | WindowPart():
            return event.window_end
        case ModelCommand():
            return event.issued_at
        case Prediction():
            return event.made_at if event.actual is None else event.target_at
        case DeadLetter():
            return max(event.origin_timestamp or 0, 0)
        case FleetInsight():
            return event.end
        case _:
            return event.event_time


def headers_of(event: Event) -> Headers:
    """What a person wants to read with plain ``kcat -f '%k %h'``, as text."""
    shown: dict[str, object]
    match event:
        case Reading():
            return []
        case LocalUpdate():
            shown = {"sequence": event.sequence, "base_version": event.base_version, "examples": event.example_count}
        case GlobalModel():
            shown = {
                "version": event.version,
                "window": f"{iso(event.window_start)}/{iso(event.window_end)}",
                "strategy": event.strategy,
                "contributors": sum(c.outcome == "accepted" for c in event.contributions),
                "error": error_summary(event),
                "promotion": event.promotion,
                "champion": event.stands_on,
            }
        case ModelCommand():
            shown = {"action": event.action, "version": event.version}
        case WindowPlan():
            shown = {"version": event.version, "partition": event.partition, "summands": len(event.summands)}
        case WindowPart():
            shown = {"version": event.version, "partition": event.partition, "summands": len(event.shares)}
        case Prediction():
            shown = {"source": event.source, "model_version": event.model_version}
        case DeadLetter():
            shown = {"stage": event.stage, "error": f"{event.error_class}: {event.error_message}"[:200]}
        case FleetInsight():
            shown = {"kind": event.kind, "start": iso(event.start)}
    return [(name, str(value).encode()) for name, value in shown.items()]


def stamped(record: Record, now: float) -> Headers:
    """The record's headers, with ``WRITTEN_AT`` where its topic has that; ``now`` in seconds since 1970."""
    return [*record.headers, (WRITTEN_AT, str(int(now * 1000)).encode())] if record.topic in STAMPED else record.headers


def written_at(headers: Iterable[tuple[str, bytes | None]] | None) -> int | None:
    """What ``WRITTEN_AT`` says, ms; None where it is not there, or says no time."""
    for name, value in headers or ():
        if name == WRITTEN_AT and value and value.isdigit() and len(value) < 15:
            return int(value)
    return None


def error_summary(model: GlobalModel) -> str:
    """The contributors' temperature error over persistence's at the shortest horizon they report, or ``none``."""
    scored = [e for e in model.errors if e.sensor == "temperature" and e.count and e.persistence_mae > 0]
    if not scored:
        return "none"
    shortest = min(scored, key=lambda e: e.horizon_ms)
    minutes = shortest.horizon_ms // 60_000
    return f"temperature@{minutes}min {shortest.mae:.3f}°C = {shortest.mae / shortest.persistence_mae:.2f}*persistence"


def _key(kind: type[Event], field: Callable[[str], Any]) -> bytes:
    if kind is DeadLetter and (key := field("origin_key")):
        return bytes(key)
    return str(field(_KEYED_BY.get(kind, "device_id"))).encode()


def dead_letter(stage: str, origin: Origin, original: bytes, error: Exception) -> DeadLetter:
    """The letter for a record that ``stage`` could not digest; the same record gives the same letter.

    What is too long for a letter to be taken by its topic is left out, and the message says so.
    """
    key, message = origin.key, shortened(str(error))
    if key is not None and len(key) > LONGEST_KEY:
        message += _left_out("key", key)
        key = None
    if len(original) > LONGEST_ORIGINAL:
        message += _left_out("original", original)
        original = b""
    return DeadLetter(
        letter_id=f"{stage}/{origin.topic}/{origin.partition}/{origin.offset}",
        stage=stage,
        origin_topic=origin.topic,
        origin_partition=origin.partition,
        origin_offset=origin.offset,
        origin_key=key,
        origin_timestamp=origin.timestamp,
        error_class=type(error).__name__,
        error_message=message,
        original=original,
    )


def shortened(text: str) -> str:
    """Its first ``LONGEST_TEXT`` characters; of a longer one, how many it has."""
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}… ({len(text)} characters)"


def _left_out(name: str, value: bytes) -> str:
    return f" (the {name}, {len(value)} bytes, is too long for a letter: see its place)"


def iso(moment: int) -> str:
    """A moment in ms since 1970 as ISO 8601 in UTC, to the second."""
    return datetime.fromtimestamp(moment / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
