"""The links from a device's update to the version it stands on and to the readings behind it."""

from bisect import bisect_left

from aggregator_stream.lineage import checks
from aggregator_stream.lineage.evidence import Evidence, Place, Record
from aggregator_stream.lineage.links import Link
from aggregator_stream.lineage.wording import span
from forecaster.config import Config
from schemas.events import LocalUpdate, Reading
from schemas.wire import iso


def update(
    config: Config, evidence: Evidence, update_id: str, record: Record, device_id: str, detail: str = ""
) -> Link:
    """The record where an update of that device should lie, with what it came from."""
    wrong = checks.there(record, LocalUpdate, device_id)
    event = record.event
    if not isinstance(event, LocalUpdate):
        return Link(update_id, str(record.place), detail, tuple(wrong))
    wrong += checks.same("id", f"{event.device_id}/{event.sequence}", event.update_id)
    learned = f"{event.example_count} examples to {iso(event.event_time)}"
    detail = f"{detail}, {learned}" if detail else learned
    children = (_readings(config, evidence, event), _base(evidence, event))
    return Link(update_id, str(record.place), detail, tuple(wrong), children)


def _base(evidence: Evidence, event: LocalUpdate) -> Link:
    label = f"stands on version {event.base_version}"
    if not event.base_version:
        return Link(label, detail="what every device starts from, and no event")
    wrong = tuple(checks.base(evidence.versions, event))
    if (version := evidence.versions.get(event.base_version)) is None:
        return Link(label, wrong=wrong)
    adopted = f", adopted {iso(event.adopted_at)}" if event.adopted_at is not None else ""
    return Link(label, str(version.place), f"window to {iso(version.window_end)}{adopted}", wrong)


def _readings(config: Config, evidence: Evidence, event: LocalUpdate) -> Link:
    partition, first, last = event.reading_partition, event.first_offset, event.last_offset
    if min(partition, first, last) < 0:
        return Link("readings", detail="not on the log, says the update")
    place = f"iot_stream/{partition}/{first}..{last}"
    if last < first:
        return Link("readings", place, wrong=(f"last offset: expected {first} or more, found {last}",))
    ends = [evidence.readings[Place("iot_stream", partition, offset)] for offset in dict.fromkeys((first, last))]
    wrong = [sentence for end in ends for sentence in checks.there(end, Reading, event.device_id)]
    if not all(isinstance(end.event, Reading) for end in ends):
        return Link("readings", place, "", tuple(wrong))
    for end in ends:
        wrong += checks.same(f"device at {end.place.offset}", event.device_id, end.event.device_id)
    wrong += checks.in_last_bin(config, event.event_time, ends[-1].event)
    between = evidence.between.get((partition, event.device_id.encode()), ())
    between = between[bisect_left(between, (first,)) : bisect_left(between, (last + 1,))]
    early, refused = checks.taken(config, event, between)
    detail = f"{len(between)} of its own, {span(ends[0].event.event_time, ends[-1].event.event_time)}"
    detail += f", {refused} of them refused as late or ahead of time" if refused else ""
    return Link("readings", place, detail, tuple(wrong + early))
