"""Which of a window's updates count, and how much: one a device, the newest that can be used, less if it is stale."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from aggregator_stream.fold.state import Located, Rules, Standing, Windows
from forecaster import trials, weights
from forecaster.config import SENSORS
from forecaster.knowledge import architecture
from forecaster.weights import WeightsError
from schemas.events import HorizonError, LocalUpdate, Summand
from schemas.wire import iso

LARGEST_WEIGHT = 2.0**20
"""That is believed: nothing that is learned comes near it, and sums of no more are exact in any order."""
LARGEST_COUNT = 2**31 - 1
"""Of labels, for each and all of which a window has room."""
MOST_ERRORS = 100
"""Sensors times horizons that an update reports on."""
LONGEST = 200
"""Characters of what an update says of itself that go into a reason."""
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
    newest: Mapping[str, Located]
    examples: Mapping[str, int]

    @property
    def updates(self) -> dict[str, LocalUpdate]:
        """Those that stand for their devices, by update_id."""
        return {item.update.update_id: item.update for item in self.newest.values()}


def choose(rules: Rules, state: Windows, window_end: int, located: Sequence[Located]) -> Chosen:
    """Sort out the updates of a window that closes in ``state``, its end in ms."""
    refusals: dict[str, str] = {}
    newest: dict[str, Located] = {}
    examples: defaultdict[str, int] = defaultdict(int)
    for item in sorted(located, key=lambda item: item.update.sequence):
        update = item.update
        if reason := refusal(rules, state, window_end, update):
            refusals[update.update_id] = reason
        else:
            newest[update.device_id] = item
            examples[update.device_id] += update.example_count
    return Chosen(refusals, newest, examples)


def refusal(rules: Rules, state: Windows, window_end: int, update: LocalUpdate) -> str | None:
    """Why an update cannot be used; ``None`` where it can."""
    if update.event_time > window_end + DAY_MS:
        return f"its clock is ahead of all others: {iso(update.event_time)}"
    if update.architecture != architecture(rules.config):
        return f"architecture {update.architecture[:LONGEST]} is not {architecture(rules.config)}"
    if not 0 <= update.base_version <= state.version:
        return f"base version {update.base_version} is unknown: the newest is {state.version}"
    if (behind := staleness(state.standing, update)) > rules.staleness_bound:
        return f"stale by {behind} versions, more than {rules.staleness_bound}"
    if not 0 < update.example_count <= LARGEST_COUNT:
        return "learned from nothing" if update.example_count <= 0 else "learned from more than there is"
    if len(update.errors) > MOST_ERRORS or not all(map(_sound, update.errors)):
        return "reports errors that are no numbers"
    try:
        numbers = weights.flat_from_bytes(rules.config, update.weights)
    except WeightsError as error:
        return str(error)[:LONGEST]
    if np.abs(numbers).max() > LARGEST_WEIGHT:
        return f"weights hold more than {LARGEST_WEIGHT:.0f}"
    return None


def _sound(error: HorizonError) -> bool:
    numbers = all(0 <= mean <= trials.LARGEST for mean in (error.mae, error.persistence_mae))
    return error.sensor in SENSORS and numbers and 0 <= error.count <= LARGEST_COUNT


def staleness(standing: Standing, update: LocalUpdate) -> int:
    """Versions that lie between the one an update stands on and the one to stand on; from the last champion, one.

    Versions that nobody ever stood on, as while one is pinned, make nobody stale.
    """
    if update.base_version == standing.fallback:
        return int(standing.champion > update.base_version)
    return max(standing.champion - update.base_version, 0)


def summands(rules: Rules, standing: Standing, chosen: Chosen) -> Iterator[tuple[int, Summand]]:
    """What a strategy is given, and the partition of each: one update a device, in the order of the devices' ids.

    An update that is s versions behind counts (1 + s)^-a (Xie et al. 2019, Asynchronous Federated Optimization,
    section 5, polynomial), beside the window's freshest: models take a while to be adopted, so all are some behind.
    """
    freshest = min((staleness(standing, item.update) for item in chosen.newest.values()), default=0)
    for device_id in sorted(chosen.newest):
        update, partition, offset, *_ = chosen.newest[device_id]
        behind = (1 + staleness(standing, update)) / (1 + freshest)
        discount = behind**-rules.staleness_exponent
        yield partition, Summand(update.update_id, offset, chosen.examples[device_id], discount)
