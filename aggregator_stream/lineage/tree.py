"""A prediction's lineage as a tree of links: a pure function of the evidence."""

from collections.abc import Iterator

from aggregator_stream.lineage import ancestry, checks, models, scoring, standing, updates
from aggregator_stream.lineage.evidence import Evidence, Place, Record
from aggregator_stream.lineage.links import Link
from aggregator_stream.lineage.wording import amount, arrows, seen
from forecaster.config import Config
from schemas.events import LocalUpdate, Prediction, Reading
from schemas.wire import iso


def grow(config: Config, evidence: Evidence) -> Link:
    """The tree of a prediction that is on the log."""
    first = evidence.made or evidence.scored
    assert first is not None
    event: Prediction = first.event
    children = [_made(config, evidence), _scored(config, evidence)]
    wrong: checks.Wrong = []
    if event.source == "local":
        children.append(_own(config, evidence, event))
    else:
        wrong = standing.promoted(evidence.versions, event)
    children += _ancestors(config, evidence, event.model_version)
    return Link(f"prediction {evidence.name}", wrong=tuple(wrong), children=tuple(children))


def _made(config: Config, evidence: Evidence) -> Link:
    record, label = evidence.made, "as it was made"
    if record is None and evidence.name.source == "batch":
        return Link(label, detail="not on the log: the batch evaluator writes a forecast that it can score once")
    if record is None:
        return Link(label, wrong=("expected on predictions, found only the scored one",))
    made: Prediction = record.event
    detail = f"{iso(made.made_at)} for {iso(made.target_at)}: {amount(made.forecast)}"
    return _forecast(config, evidence, label, record, detail, made.made_at)


def _scored(config: Config, evidence: Evidence) -> Link:
    record, label = evidence.scored, "as it was scored"
    if record is None:
        return Link(label, detail="not on the log: no bin at its target has closed yet")
    scored: Prediction = record.event
    assert scored.actual is not None
    wrong = scoring.score(scored)
    if evidence.made is not None:
        wrong += scoring.forecast_again(evidence.made.event, scored)
    detail = f"{iso(scored.target_at)}: {amount(scored.actual)}, forecast - actual {amount(scored.error)}"
    detail += f", alarm of {scored.fault}" if scored.fault else ""
    link = _forecast(config, evidence, label, record, detail, scored.target_at)
    return link._replace(wrong=(*link.wrong, *wrong))


def _forecast(config: Config, evidence: Evidence, label: str, record: Record, detail: str, end: int) -> Link:
    """One of the two events, and the last reading behind it, in the bin that ends at ``end``, ms."""
    event: Prediction = record.event
    device_id = evidence.name.device_id
    wrong = checks.there(record, Prediction, device_id) + scoring.named(evidence.name, event)
    reading = evidence.readings[Place("iot_stream", event.reading_partition, event.reading_offset)]
    amiss = checks.there(reading, Reading, device_id)
    if isinstance(reading.event, Reading):
        amiss += checks.same("device", device_id, reading.event.device_id)
        amiss += checks.in_last_bin(config, end, reading.event)
    child = Link("last reading", str(reading.place), seen(reading), tuple(amiss))
    version = evidence.versions.get(event.model_version)
    detail += f", with version {event.model_version}"
    detail += ", whose window ended later" if version and version.window_end > event.made_at else ""
    return Link(label, str(record.place), detail, tuple(wrong), (child,))


def _own(config: Config, evidence: Evidence, made: Prediction) -> Link:
    """A local forecast comes first of all from what its device has learned itself."""
    told = [record.event for record in evidence.own if isinstance(record.event, LocalUpdate)]
    before = next((update for update in reversed(told) if update.event_time <= made.made_at), None)
    after = next((update for update in told if update.event_time > made.made_at), None)
    wrong = standing.successive(before, after)
    wrong += standing.adopted(evidence.versions, made, before, after) or standing.promoted(evidence.versions, made)
    detail = f"stood on version {made.model_version}"
    detail += f", had told the fleet {before.update_id}" if before else ", had not told the fleet anything yet"
    children = (
        updates.update(config, evidence, record.event.update_id, record, made.device_id) for record in evidence.own
    )
    return Link(f"{made.device_id} itself", "", detail, tuple(wrong), tuple(children))


def _ancestors(config: Config, evidence: Evidence, number: int) -> Iterator[Link]:
    """The version, and what it came from, down to 0."""
    versions = evidence.versions
    for part in ancestry.stretches(ancestry.chain(versions, number), evidence.models.keys()):
        if part[0] in evidence.models:
            yield models.model(config, evidence, part[0])
        elif part == [0]:
            yield Link("version 0", detail="what every device starts from, and no event")
        else:
            wrong = [sentence for each in part for sentence in checks.parent(versions, each)]
            known = f"{sum(each in versions for each in part)} on the log"
            label = f"version {part[0]}" if len(part) == 1 else f"versions {arrows(part)}"
            yield Link(label, detail=known, wrong=tuple(wrong))
