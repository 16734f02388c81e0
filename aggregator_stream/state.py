"""What the window fold works on: the rules, an update with its place on the log, the state."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from immutables import Map
from numpy.typing import NDArray

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
        staleness_bound: versions behind the newest from which an update is rejected.
        partitions: of ``local_updates``.
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
    partitions: int = 4

    @property
    def recorded(self) -> dict[str, float]:
        """What decides a window beside its updates and the strategy, as a model's event carries it."""
        names = ("window_ms", "lateness_ms", "idle_ms", "min_contributors", "staleness_exponent", "staleness_bound")
        return {name: float(getattr(self, name)) for name in names}


class Located(NamedTuple):
    """An update, where it lies in ``local_updates``, and its writer's watermark (ms) then, if the writer has one."""

    update: LocalUpdate
    partition: int
    offset: int
    watermark: int | None = None


class Mark(NamedTuple):
    """A record without an update: its writer had written all that belongs up to ``watermark``, ms."""

    partition: int
    offset: int
    watermark: int


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


class Windows(NamedTuple):
    """The state of the fold.

    Attributes:
        version: of the newest model, 0 before the first.
        weights: what it knows, float32 [n].
        server: the strategy's own state.
        window: index of the window that closes next, counted since 1970; ``None`` before the first update.
        newest: newest event time of an update, ms, as far as it is believed; no watermark leads beyond it.
        ahead: the device that says it is a day later than that, if there is one, and how late it says it is, ms.
        pending: updates that no window has decided, by partition and offset.
        sequences: newest sequence seen of each device; what is not newer is a repetition.
        clocks: of the partitions, once anything of them has been seen.
        positions: next offset to read in each partition.
        ended: partitions in which there was no more to read when somebody looked.
        pinned: the version that an operator has everybody stand on, until it is released.
        obeyed: commands that have been, by their id.
        command_positions: next offset to read in each partition of ``model_commands``.
    """

    version: int
    weights: NDArray[np.float32]
    server: State
    window: int | None = None
    newest: int = 0
    ahead: tuple[str, int] | None = None
    # These grow with the fleet: a plain copy at each update would cost more than all the rest.
    pending: Map[tuple[int, int], Located] = Map()
    sequences: Map[str, int] = Map()
    clocks: Mapping[int, Clock] = MappingProxyType({})
    positions: Mapping[int, int] = MappingProxyType({})
    ended: frozenset[int] = frozenset()
    pinned: int | None = None
    obeyed: frozenset[str] = frozenset()
    command_positions: Mapping[int, int] = MappingProxyType({})

    @property
    def champion(self) -> int:
        """The version that everybody stands on."""
        return self.version if self.pinned is None else self.pinned
