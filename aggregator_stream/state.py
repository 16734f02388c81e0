"""What the window fold works on: the rules, an update with its place on the log, the state."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from forecaster.config import Config
from forecaster.knowledge import Knowledge
from forecaster.strategies import Strategy
from schemas.events import LocalUpdate


class Rules(NamedTuple):
    """What decides windows and models.

    Attributes:
        config: of the learning core.
        strategy: how a window's updates become one model.
        model: name of the model.
        window_ms: length of a window, ms of event time.
        lateness_ms: how long a window waits for updates behind the watermark, ms of event time.
        partitions: of ``local_updates``.
    """

    config: Config
    strategy: Strategy
    model: str = "fleet"
    window_ms: int = 1_800_000
    lateness_ms: int = 600_000
    partitions: int = 4


class Located(NamedTuple):
    """An update, where it lies in ``local_updates``, and its writer's watermark (ms) when it was written."""

    update: LocalUpdate
    partition: int
    offset: int
    watermark: int


class Mark(NamedTuple):
    """A record without an update: its writer had written all that belongs up to ``watermark``, ms."""

    partition: int
    offset: int
    watermark: int


class Clock(NamedTuple):
    """The newest watermark in a partition, ms, and the offset of the first record that carried it."""

    watermark: int
    offset: int


class Windows(NamedTuple):
    """The state of the fold.

    Attributes:
        version: of the newest model, 0 before the first.
        knowledge: what it knows.
        server: the strategy's own state.
        window: index of the window that closes next, counted since 1970; ``None`` before the first update.
        newest: newest event time of an update, ms; no watermark leads beyond it.
        pending: updates that no window has decided, in the order in which they were read.
        sequences: newest sequence seen of each device; what is not newer is a repetition.
        clocks: of the partitions, once anything of them has been seen.
        positions: next offset to read in each partition.
    """

    version: int
    knowledge: Knowledge
    server: Any
    window: int | None = None
    newest: int = 0
    pending: tuple[Located, ...] = ()
    sequences: Mapping[str, int] = MappingProxyType({})
    clocks: Mapping[int, Clock] = MappingProxyType({})
    positions: Mapping[int, int] = MappingProxyType({})
