"""Which of a window's updates count, and how much: one a device, the newest that can be used, less if it is stale."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from typing import NamedTuple

from aggregator_stream.state import Rules
from forecaster import weights
from forecaster.knowledge import architecture
from forecaster.strategies import Member
from forecaster.weights import WeightsError
from schemas.events import LocalUpdate
from schemas.wire import iso

DAY_MS = 86_400_000
"""By which one device alone may move the time, ms: a clock that is off by years takes no other device along."""


class Chosen(NamedTuple):
    """What a window works on.

    Attributes:
        refusals: why an update cannot be used, by update_id.
        newest: the update that stands for a device, by device.
        examples: labels behind all updates of a device that can be used, by device.
    """

    refusals: Mapping[str, str]
    newest: Mapping[str, LocalUpdate]
    examples: Mapping[str, int]


def choose(rules: Rules, version: int, window_end: int, updates: Sequence[LocalUpdate]) -> Chosen:
    """Sort out a window's ``updates``; ``version`` is the newest model's when it closes, its end in ms."""
    refusals: dict[str, str] = {}
    newest: dict[str, LocalUpdate] = {}
    examples: defaultdict[str, int] = defaultdict(int)
    for update in sorted(updates, key=lambda update: update.sequence):
        if reason := refusal(rules, version, window_end, update):
            refusals[update.update_id] = reason
        else:
            newest[update.device_id] = update
            examples[update.device_id] += update.example_count
    return Chosen(refusals, newest, examples)


def refusal(rules: Rules, version: int, window_end: int, update: LocalUpdate) -> str | None:
    """Why an update cannot be used; ``None`` where it can."""
    if update.event_time > window_end + DAY_MS:
        return f"its clock is ahead of all others: {iso(update.event_time)}"
    if update.architecture != architecture(rules.config):
        return f"architecture {update.architecture} is not {architecture(rules.config)}"
    if update.base_version > version:
        return f"base version {update.base_version} is unknown: the newest is {version}"
    if (behind := staleness(version, update)) > rules.staleness_bound:
        return f"stale by {behind} versions, more than {rules.staleness_bound}"
    if update.example_count <= 0:
        return "learned from nothing"
    if not all(error.count >= 0 and isfinite(error.mae) and isfinite(error.persistence_mae) for error in update.errors):
        return "reports errors that are no numbers"
    try:
        weights.flat_from_bytes(rules.config, update.weights)
    except WeightsError as error:
        return str(error)
    return None


def staleness(version: int, update: LocalUpdate) -> int:
    """Versions that have come since the one an update stands on."""
    return max(version - update.base_version, 0)


def members(rules: Rules, version: int, chosen: Chosen) -> Iterator[Member]:
    """What a strategy is given: one member a device in the order of their ids, its weights read when it is its turn.

    An update that is s versions behind counts (1 + s)^-a (Xie et al. 2019, Asynchronous Federated Optimization,
    section 5, polynomial), beside the window's freshest: models take a while to be adopted, so all are some behind.
    """
    freshest = min((staleness(version, update) for update in chosen.newest.values()), default=0)
    for device_id in sorted(chosen.newest):
        update = chosen.newest[device_id]
        behind = (1 + staleness(version, update)) / (1 + freshest)
        numbers = weights.flat_from_bytes(rules.config, update.weights)
        yield Member(update.update_id, numbers, chosen.examples[device_id], behind**-rules.staleness_exponent)
