"""What was found on the log about one prediction: records in their places, nothing judged yet."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from aggregator_stream.lineage.naming import Name
from schemas.events import Contribution, Decision, GlobalModel

OUTCOMES = ("accepted", "clipped", "superseded", "rejected")
SHARING = OUTCOMES[:2]
"""Of updates that are in the weights."""


class Place(NamedTuple):
    """Where a record lies."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        """As people write it."""
        return f"{self.topic}/{self.partition}/{self.offset}"


class Record(NamedTuple):
    """What lies at a place: an event, or ``None`` and what is there instead."""

    place: Place
    key: bytes | None
    event: Any
    instead: str = ""


class Version(NamedTuple):
    """What is kept of every model on the log.

    Attributes:
        number: the version, and ``parent`` the one its weights were made from.
        window_start: ms, as is ``window_end``.
        stands_on: the version that everybody stands on from here on.
        fallback: the one that the policy may go back to, -1: none.
        candidates: those that it may promote.
        decisions: what the event changes.
        evaluated: whether a version is promoted only after devices have judged it.
        changed: whether an update is in its weights, which otherwise are its parent's.
        digest: of its weights.
        place: of its event.
    """

    number: int
    parent: int
    window_start: int
    window_end: int
    stands_on: int
    fallback: int
    candidates: tuple[int, ...]
    decisions: tuple[Decision, ...]
    evaluated: bool
    changed: bool
    digest: bytes
    place: Place

    def known_by(self, moment: int) -> bool:
        """Whether a device may follow its event at ``moment``, ms: after its window, and a command's event at once."""
        return self.window_end < moment or self.window_start == self.window_end == moment


class Evidence(NamedTuple):
    """All that a lineage is made of.

    Attributes:
        name: of the prediction.
        made: the forecast as it was made; ``None`` if that is not on the log.
        scored: the same scored; ``None`` likewise.
        versions: of the global model, by number; of one that is on the log twice the first.
        models: the whole events of those that are shown with their updates.
        updates: by place.
        own: for a local forecast, the device's newest update at or before its moment and the next one, as far as
            there are such.
        readings: the records named by predictions and updates, by place.
        between: offset and event time (ms) of the readings of a device, by partition and key, in order; all there are
            between those that its updates name.
    """

    name: Name
    made: Record | None
    scored: Record | None
    versions: Mapping[int, Version]
    models: Mapping[int, Record]
    updates: Mapping[Place, Record]
    own: Sequence[Record]
    readings: Mapping[Place, Record]
    between: Mapping[tuple[int, bytes], Sequence[tuple[int, int]]]


def update_place(contribution: Contribution) -> Place:
    """Where a model says that an update lies."""
    return Place("local_updates", contribution.partition, contribution.offset)


def sharing(model: GlobalModel) -> list[Contribution]:
    """The contributions in a model's weights, the largest share first."""
    found = [c for c in model.contributions if c.outcome in SHARING]
    return sorted(found, key=lambda c: (-c.coefficient, c.update_id))
