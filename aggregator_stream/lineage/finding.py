"""A prediction by its id, and the updates that its device sent around that moment."""

from collections.abc import Iterator, Sequence

from aggregator_stream.lineage.evidence import Record
from aggregator_stream.lineage.naming import Name
from aggregator_stream.lineage.reading import Bounds, Log
from schemas.events import LocalUpdate, Prediction

SLACK_MS = 7_200_000
"""How far before its moment a record is looked for first: topics are not quite in the order of time."""


class NotOnTheLogError(LookupError):
    """No prediction has the id."""


def prediction(log: Log, name: Name) -> tuple[Record | None, Record | None]:
    """The forecast as made and as scored, each as it stands first on the log; one of them may be missing.

    Raises:
        NotOnTheLogError: saying where was looked.
        KafkaException, TimeoutError: the topic cannot be read.
    """
    since = log.since("predictions", name.made_at - SLACK_MS)
    found = _forms(log, name, since)
    if not found or (False not in found and name.source != "batch"):
        found = _forms(log, name, _before(log, "predictions", since)) | found
    if not found:
        looked = ", ".join(f"{p} to offset {end}" for p, (_, end) in since.items())
        raise NotOnTheLogError(f"no prediction {name} on topic predictions: looked through all of partitions {looked}")
    return found.get(False), found.get(True)


def _forms(log: Log, name: Name, bounds: Bounds) -> dict[bool, Record]:
    """By whether it is scored."""
    first = next(_named(log, name, bounds), None)
    if first is None:
        return {}
    # Both have the same key, and so lie in one partition.
    partition, offset = first.place.partition, first.place.offset
    after = _named(log, name, {partition: (offset + 1, bounds[partition][1])})
    scored = first.event.actual is not None
    other = next((record for record in after if (record.event.actual is not None) is not scored), None)
    return {scored: first} if other is None else {scored: first, not scored: other}


def _named(log: Log, name: Name, bounds: Bounds) -> Iterator[Record]:
    # Avro has texts as they are, so what lacks the id need not be decoded.
    text = str(name).encode()
    for message in log.messages("predictions", bounds):
        if text in (message.value() or b""):
            record = log.record(message)
            if isinstance(record.event, Prediction) and record.event.prediction_id == str(name):
                yield record


def around(log: Log, made: Record) -> Sequence[Record]:
    """The newest update of a forecast's device at or before its moment, and the next one, as far as there are such.

    Raises:
        KafkaException, TimeoutError: the topic cannot be read.
    """
    event: Prediction = made.event
    since = log.since("local_updates", event.made_at - SLACK_MS)
    # A key lies in the same partition of every topic, if all its writers agree.
    home = {p: span for p, span in since.items() if p == made.place.partition}
    elsewhere = {p: span for p, span in since.items() if p not in home}
    for bounds in (home, elsewhere):
        before, after = _around(log, event, bounds)
        if before is None:
            before, _ = _around(log, event, _before(log, "local_updates", bounds))
        if before or after:
            return [record for record in (before, after) if record]
    return []


def _around(log: Log, event: Prediction, bounds: Bounds) -> tuple[Record | None, Record | None]:
    """The device's last update up to the forecast's moment within bounds, and the first one after it."""
    before: Record | None = None
    for record in _told(log, event.device_id, bounds):
        if record.event.event_time > event.made_at:
            return before, record
        # What comes again under an older number is a repetition.
        if before is None or record.event.sequence > before.event.sequence:
            before = record
    return before, None


def _told(log: Log, device_id: str, bounds: Bounds) -> Iterator[Record]:
    key = device_id.encode()
    for message in log.messages("local_updates", bounds):
        if message.key() == key and isinstance((record := log.record(message)).event, LocalUpdate):
            yield record


def _before(log: Log, topic: str, bounds: Bounds) -> Bounds:
    """What lies before those bounds."""
    return {p: (low, bounds[p][0]) for p, (low, _) in log.bounds(topic, bounds).items()}
