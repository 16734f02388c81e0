"""The evidence about one prediction, fetched from the log."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from aggregator_stream.lineage import ancestry
from aggregator_stream.lineage.evidence import SHARING, Evidence, Place, Record, Version, sharing, update_place
from aggregator_stream.lineage.finding import around, prediction
from aggregator_stream.lineage.naming import Name
from aggregator_stream.lineage.reading import Log, Span, joined
from schemas.events import GlobalModel, LocalUpdate, Prediction, Reading

GAP = 10_000
"""Readings between two stretches that are rather read than jumped over."""


def trace(log: Log, name: Name, depth: int) -> Evidence:
    """All there is to say about a prediction, with the updates of the ``depth`` newest models that have any.

    Raises:
        NotOnTheLogError: saying where was looked.
        KafkaException, TimeoutError: topics cannot be read.
    """
    made, scored = prediction(log, name)
    first = made or scored
    assert first is not None
    versions = _versions(log)
    number = first.event.model_version
    shown = {n: versions[n].place for n in ancestry.whole(versions, number, depth)}
    whole = log.at("global_models", shown.values())
    models = {n: whole[place] for n, place in shown.items()}
    named = [model for record in models.values() if isinstance(model := record.event, GlobalModel)]
    updates = log.at("local_updates", (update_place(c) for model in named for c in model.contributions))
    own = around(log, first) if name.source == "local" else ()
    behind = [updates[update_place(c)].event for model in named for c in sharing(model)]
    told = [event for event in (*behind, *(record.event for record in own)) if isinstance(event, LocalUpdate)]
    readings, between = _readings(log, [record.event for record in (made, scored) if record], told)
    return Evidence(name, made, scored, versions, models, updates, own, readings, between)


def _versions(log: Log) -> dict[int, Version]:
    """Every version on the log; what is no model is passed over."""
    found: dict[int, Version] = {}
    for message in log.messages("global_models", log.bounds("global_models")):
        record = log.record(message)
        if isinstance(model := record.event, GlobalModel):
            found.setdefault(model.version, version_of(model, record.place))
    return found


def version_of(model: GlobalModel, place: Place) -> Version:
    """What is kept of a model that lies at ``place``."""
    return Version(
        model.version,
        model.parent_version,
        model.window_start,
        model.window_end,
        model.stands_on,
        model.fallback,
        model.candidates,
        model.decisions,
        bool(model.rules.get("evaluated")),
        any(c.outcome in SHARING for c in model.contributions),
        hashlib.sha256(model.weights).digest(),
        place,
    )


def _readings(
    log: Log, predictions: Iterable[Prediction], updates: Sequence[LocalUpdate]
) -> tuple[Mapping[Place, Record], Mapping[tuple[int, bytes], Sequence[tuple[int, int]]]]:
    """The readings that they name, and all of the updates' devices between those."""
    named = [(p.reading_partition, p.reading_offset) for p in predictions]
    spans = [Span(u.reading_partition, u.first_offset, u.last_offset) for u in updates]
    named += [(span.partition, offset) for span in spans for offset in span[1:]]
    wanted = {Place("iot_stream", *place) for place in named}
    found = {place: Record(place, None, None, "no record") for place in wanted}
    between: defaultdict[tuple[int, bytes], list[tuple[int, int]]] = defaultdict(list)
    devices = {(u.reading_partition, u.device_id.encode()) for u in updates}
    spans = [span for span in spans if span.first <= span.last]
    for span in joined([*spans, *(Span(p, offset, offset) for p, offset in named)], GAP):
        for message in log.messages("iot_stream", {span.partition: (span.first, span.last + 1)}):
            place = Place("iot_stream", message.partition(), message.offset())
            own = (message.partition(), message.key()) in devices
            if not own and place not in wanted:
                continue
            record = log.record(message)
            if place in wanted:
                found[place] = record
            if own and isinstance(record.event, Reading):
                between[message.partition(), message.key()].append((message.offset(), record.event.event_time))
    return found, between
