"""What the window fold works on: the rules, an update with its place on the log, the state."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from immutables import Map
from numpy.typing import NDArray

from aggregator_stream.workers.plans import Gather
from forecaster.config import Config
from forecaster.strategies import Strategy
from forecaster.strategies.contract import State
from schemas.events import GlobalModel, LocalUpdate, ModelCommand


class Rules(NamedTuple):
    """What decides windows and models.

    Attributes:
        config: of the learning core.
        strategy: how a window's updates become one model.
        model: name of the model.
        window_ms: length of a window, ms of event time.
        lateness_ms: how long a window waits for updates behind the watermark, ms of event time.
        idle_ms: how far a partition that nobody marks may be behind the others, once all of it has been read, before
            windows close without it, ms of event time.
        min_contributors: devices without which a window lets the model stand.
        staleness_exponent: an update that is s versions behind counts (1 + s) to the minus this.
        staleness_bound: versions behind the champion from which an update is rejected.
        evaluated: whether a version is promoted only after devices have judged it; else as soon as it is made.
        margin: share by which a version's error must exceed another's for it to be worse.
        min_labels: behind a judgement for it to count, of all sensors and horizons.
        partitions: of ``local_updates``.
        gather: sums windows up where that is not done here: by workers; ``None``: it is.
    """

    config: Config
    strategy: Strategy
    model: str = "fleet"
    window_ms: int = 1_800_000
    lateness_ms: int = 600_000
    idle_ms: int = 1_800_000
    min_contributors: int = 1
    staleness_exponent: float = 0.5
    staleness_bound: int = 48
    evaluated: bool = False
    margin: float = 0.05
    min_labels: int = 20
    partitions: int = 4
    gather: Gather | None = None

    @property
    def recorded(self) -> dict[str, float]:
        """What decides a window beside its updates and the strategy, as a model's event carries it."""
        return {name: float(getattr(self, name)) for name in RECORDED}


RECORDED = (
    *("window_ms", "lateness_ms", "idle_ms", "min_contributors", "staleness_exponent", "staleness_bound"),
    *("evaluated", "margin", "min_labels"),
)


class Located(NamedTuple):
    """An update, where it lies in ``local_updates``, and its writer's watermark (ms) then, if the writer has one.

    ``before`` is how far its partition had come when it was read, where the writer has none to say so.
    """

    update: LocalUpdate
    partition: int
    offset: int
    watermark: int | None = None
    before: "Clock | None" = None


class Mark(NamedTuple):
    """A record without an update: its writer had written all that belongs up to ``watermark``, ms."""

    partition: int
    offset: int
    watermark: int


class Skipped(NamedTuple):
    """A record that says nothing, neither an update nor the time: it has been read, and that is all."""

    partition: int
    offset: int


class End(NamedTuple):
    """Word from outside the log: at some moment, ``offset`` was where the next record of the partition would lie."""

    partition: int
    offset: int


class Order(NamedTuple):
    """A command, where it lies in ``model_commands``, and the version that it speaks of, if that is on the log."""

    command: ModelCommand
    partition: int
    offset: int
    target: GlobalModel | None


Record = Located | Mark | Skipped | End | Order
"""What the fold takes, one at a time."""


class Clock(NamedTuple):
    """How far a partition has come.

    Attributes:
        watermark: the newest in it, ms.
        offset: of the first record that said so.
        marked: whether its writer vouches for it; otherwise it is an update's event time that nobody vouches for.
    """

    watermark: int
    offset: int
    marked: bool = True


class Standing(NamedTuple):
    """Which versions count.

    Attributes:
        champion: the one that everybody stands on.
        fallback: the one that the policy goes back to where the champion does worse; ``None``: there is none.
        candidates: newer ones that may yet be promoted, ascending.
        pinned: whether an operator has chosen the champion, and the policy must not.
    """

    champion: int = 0
    fallback: int | None = None
    candidates: tuple[int, ...] = ()
    pinned: bool = False

    @property
    def parent(self) -> int:
        """The version that the next one is made from: the newest that has not been found wanting."""
        return max(self.candidates, default=self.champion)

    @property
    def named(self) -> frozenset[int]:
        """All of them."""
        fallback = () if self.fallback is None else (self.fallback,)
        return frozenset((self.champion, *fallback, *self.candidates))


class Held(NamedTuple):
    """What a version knows, float32 [n], and the strategy's own state behind it."""

    weights: NDArray[np.float32]
    server: State


class Windows(NamedTuple):
    """The state of the fold.

    Attributes:
        version: of the newest model, 0 before the first.
        standing: of the versions.
        held: those that are named there.
        window: index of the window that closes next, counted since 1970; ``None`` before the first update.
        newest: newest event time of an update, ms, as far as it is believed; no watermark leads beyond it.
        oldest: the earliest event time of an update that has been pending, ms.
        ahead: the device that says it is a day later than that, if there is one, and how late it says it is, ms.
        pending: updates that no window has decided, by partition and offset.
        sequences: newest sequence seen of each device; what is not newer is a repetition.
        decided: places of updates that are read again and that a window has decided.
        clocks: of the partitions, once anything of them has been seen.
        positions: next offset to read in each partition.
        ended: partitions in which there was no more to read when somebody looked.
        obeyed: commands that have been, by their id.
        command_positions: next offset to read in each partition of ``model_commands``.
        spent: what strategies have used up in all versions, whichever the next one is made from.
    """

    version: int
    standing: Standing
    held: Mapping[int, Held]
    window: int | None = None
    newest: int = 0
    oldest: int | None = None
    ahead: tuple[str, int] | None = None
    # These grow with the fleet: a plain copy at each update would cost more than all the rest.
    pending: Map[tuple[int, int], Located] = Map()
    sequences: Map[str, int] = Map()
    decided: frozenset[tuple[int, int]] = frozenset()
    clocks: Mapping[int, Clock] = MappingProxyType({})
    positions: Mapping[int, int] = MappingProxyType({})
    ended: frozenset[int] = frozenset()
    obeyed: frozenset[str] = frozenset()
    command_positions: Mapping[int, int] = MappingProxyType({})
    spent: State = MappingProxyType({})

    @property
    def parent(self) -> Held:
        """What the next version is made from."""
        return self.held[self.standing.parent]

    def standing_so(self, standing: Standing, more: Mapping[int, Held] = MappingProxyType({})) -> "Windows":
        """The state with another standing, and ``more`` versions at hand of which it may name some."""
        every = {**self.held, **more}
        return self._replace(standing=standing, held={version: every[version] for version in standing.named})
