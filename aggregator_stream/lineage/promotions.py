"""The links from a version to the events that decide on it: how it came to be stood on, or why it was not. Pure."""

from collections.abc import Mapping, Sequence

from aggregator_stream.fold.promotion import POLICY, PROMOTED
from aggregator_stream.lineage.checks import Wrong, same
from aggregator_stream.lineage.evidence import Version
from aggregator_stream.lineage.links import Link
from schemas.events import Decision


def turns(versions: Mapping[int, Version], number: int) -> list[Link]:
    """What later events decide on a version, in their order, and those that stand on it though none has decided so."""
    links: list[Link] = []
    for _, event in sorted(versions.items()):
        wrong = tuple(_follows(versions, event))
        # An operator's release may make a version that is promoted by its own event, which says so itself.
        decisions = [d for d in event.decisions if d.version == number < event.number]
        for decision in decisions:
            label = f"{decision.state.replace('_', ' ')} by version {event.number}"
            links.append(Link(label, str(event.place), _why(decision), wrong))
        if not decisions and wrong and event.stands_on == number:
            links.append(Link(f"stood on since version {event.number}", str(event.place), "", wrong))
    return links


def became(versions: Mapping[int, Version], number: int, made_as: str, turned: Sequence[Link]) -> str:
    """What has become of a version that its event calls ``made_as``."""
    words = [link.label for link in turned]
    if made_as != "candidate":
        return ", ".join([made_as, *words])
    if words:
        return ", ".join(words)
    left = min((v.number for v in versions.values() if v.number > number not in v.candidates), default=None)
    return "still a candidate" if left is None else f"passed over by version {left}"


def _why(decision: Decision) -> str:
    return decision.reason if decision.by == POLICY else f"command {decision.by}: {decision.reason}"


def _follows(versions: Mapping[int, Version], event: Version) -> Wrong:
    """An event stands on what it promotes, else as the one before, whose candidate or fallback the policy promotes.

    Where nothing is judged, it may stand on itself.
    """
    if event.stands_on == event.number and not event.evaluated:
        return []
    before, champion = versions.get(event.number - 1), f"champion of version {event.number}"
    promoted = next((d for d in event.decisions if d.state == PROMOTED), None)
    if promoted is None:
        return same(f"{champion}, which promotes none", before.stands_on, event.stands_on) if before else []
    wrong = same(champion, promoted.version, event.stands_on)
    if promoted.by == POLICY and before and promoted.version not in (*before.candidates, before.fallback):
        expected = f"a candidate or the fallback of version {before.number}"
        wrong.append(f"promoted by {POLICY}: expected {expected}, found {promoted.version}")
    return wrong
