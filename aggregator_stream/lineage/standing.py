"""What must hold between a local forecast and the updates that its device sent around that moment. Pure."""

from collections.abc import Mapping

from aggregator_stream.lineage.checks import Wrong, same
from aggregator_stream.lineage.evidence import Version
from schemas.events import LocalUpdate, Prediction
from schemas.wire import iso


def successive(before: LocalUpdate | None, after: LocalUpdate | None) -> Wrong:
    """Of a device's updates none is missing."""
    if after is None:
        return []
    return same("sequence of its next update", before.sequence + 1 if before else 1, after.sequence)


def adopted(
    versions: Mapping[int, Version], made: Prediction, before: LocalUpdate | None, after: LocalUpdate | None
) -> Wrong:
    """The version that a device forecast with is the one that it had adopted last.

    Args:
        versions: of the global model.
        made: its forecast.
        before: its newest update at or before the forecast.
        after: the next one.
    """
    found = made.model_version
    if before and before.event_time == made.made_at:
        return same(f"model_version, {before.update_id} standing on", before.base_version, found)
    if after and after.adopted_at is not None and after.adopted_at <= made.made_at:
        at = f"model_version, adopted {iso(after.adopted_at)} as {after.update_id} says"
        return same(at, after.base_version, found)
    stood_on = before.base_version if before else 0
    if found == stood_on:
        return []
    # A device takes up what an event says to stand on: a newer version, or after a rollback an older one.
    since = (v for v in versions.values() if v.number > stood_on and v.known_by(made.made_at))
    if any(version.stands_on == found for version in since):
        return []
    told = f"{stood_on}, or what a later version decided by {iso(made.made_at)} says to stand on"
    return [f"model_version: expected {told}, found {found}"]


def promoted(versions: Mapping[int, Version], made: Prediction) -> Wrong:
    """The version that a forecast names has been stood on: an event says so, for a device's one known by then.

    ``batch`` may use any; one that is not on the log has a link of its own.
    """
    number = made.model_version
    if made.source == "batch" or number not in versions:
        return []
    local = made.source == "local"
    known = (v for v in versions.values() if not local or v.known_by(made.made_at))
    if any(version.stands_on == number for version in known):
        return []
    by = f" decided by {iso(made.made_at)}" if local else ""
    return [f"model_version: expected what a version{by} says to stand on, found {number}"]
