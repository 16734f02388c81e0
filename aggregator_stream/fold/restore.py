"""The fold's state from the log: what ``global_models`` says has been decided, and where to read on."""

from collections.abc import Callable

import numpy as np
from immutables import Map

from aggregator_stream.fold import server_state
from aggregator_stream.fold.promotion import POLICY
from aggregator_stream.fold.state import Held, Rules, Standing, Windows
from forecaster import knowledge, weights
from forecaster.trials import NONE
from schemas.events import GlobalModel

Find = Callable[[int], GlobalModel]
"""The event of a version that is on the log."""
MANY = 100_000
"""Places of decided updates that are kept before it is asked which of them are read again."""


def beginning(rules: Rules) -> Windows:
    """The state before any update: version 0 is what every device starts from."""
    return Windows(0, Standing(), {0: _initial(rules)})


def _initial(rules: Rules) -> Held:
    numbers = np.asarray(knowledge.flat(knowledge.initial(rules.config)))
    return Held(numbers, rules.strategy.init(numbers))


class Decided:
    """What the events on the log say has been decided; they are taken once, in any order."""

    def __init__(self) -> None:
        self._newest: GlobalModel | None = None
        self._latest = 0
        # Of updates that are not read again the newest sequence will do; of those that are, the place says it all.
        self._sequences: dict[str, int] = {}
        self._places: dict[tuple[int, int], tuple[str, int]] = {}
        self._many = MANY
        self._obeyed: set[str] = set()

    def take(self, model: GlobalModel) -> None:
        """One event; a version that appears twice counts as it stands first."""
        self._obeyed |= {decision.by for decision in model.decisions if decision.by != POLICY}
        for contribution in model.contributions:
            sequence = int(contribution.update_id.rpartition("/")[2])
            self._places[contribution.partition, contribution.offset] = contribution.device_id, sequence
            # One whose clock was ahead of all others did not tell the time.
            if contribution.event_time <= model.window_end:
                self._latest = max(self._latest, contribution.event_time)
        if self._newest is None or model.version > self._newest.version:
            self._newest = model
        if len(self._places) > self._many:
            self._forget(self._newest)
            self._many = max(2 * len(self._places), MANY)

    def _forget(self, newest: GlobalModel) -> None:
        """Keep no places before those from which the log is read on."""
        resumed = newest.resume_offsets
        for place in [place for place in self._places if place[1] < resumed.get(str(place[0]), 0)]:
            device_id, sequence = self._places.pop(place)
            self._sequences[device_id] = max(sequence, self._sequences.get(device_id, 0))

    def state(self, rules: Rules, find: Find) -> Windows:
        """The state after the newest event.

        Updates from ``positions`` on are to be read again; those that a window decided are known by their place, for
        one that waits may have an older sequence.
        """
        newest = self._newest
        if newest is None:
            return beginning(rules)
        self._forget(newest)
        return standing_on(rules, newest, find)._replace(
            newest=self._latest,
            sequences=Map(self._sequences),
            decided=frozenset(self._places),
            positions={int(partition): offset for partition, offset in newest.resume_offsets.items()},
            obeyed=frozenset(self._obeyed),
            command_positions={int(partition): offset for partition, offset in newest.command_offsets.items()},
        )


def standing_on(rules: Rules, newest: GlobalModel, find: Find) -> Windows:
    """The state of which ``newest`` is the newest version, before any update."""
    fallback = None if newest.fallback == NONE else newest.fallback
    standing = Standing(newest.stands_on, fallback, newest.candidates, newest.pinned)
    held = {
        version: held_of(rules, newest if version == newest.version else find(version)) if version else _initial(rules)
        for version in standing.named
    }
    # Where windows had another length: the first of ours that does not begin in one that has been closed.
    window = -(-newest.window_end // rules.window_ms)
    spent = server_state.spent(server_state.from_bytes(newest.server_state))
    return Windows(newest.version, standing, held, window, spent=spent)


def held_of(rules: Rules, model: GlobalModel) -> Held:
    """What a version knows.

    Where it was made by another strategy, or by one with other parameters, this one begins anew on its weights.
    """
    numbers = weights.flat_from_bytes(rules.config, model.weights)
    made_by = (model.strategy, model.strategy_parameters)
    same = made_by == (rules.strategy.name, dict(rules.strategy.parameters))
    return Held(numbers, server_state.from_bytes(model.server_state) if same else rules.strategy.init(numbers))
