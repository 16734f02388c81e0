"""What a strategy is: a pure ``init``/``update`` pair, as in optax, over a window of devices' knowledge.

All that a device knows, and all that the fleet does, is one vector here (``knowledge.flat``).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from forecaster.strategies import exact
from forecaster.strategies.exact import Sums

ACCEPTED, CLIPPED, REJECTED = "accepted", "clipped", "rejected"
State = Mapping[str, NDArray[np.float32]]
"""What a strategy remembers from window to window: named float32 arrays, so that it travels with the model."""
SPENT = "spent"
"""Name in a state of what all published versions have used up together, such as a privacy budget: it is handed on from
version to version, whatever each is made from and by which strategy. All else is the parent's and goes back with it."""


class Member(NamedTuple):
    """One device's part in a window.

    Attributes:
        update_id: of its update.
        weights: float32 [n].
        examples: labels it learned from, positive.
        discount: in (0, 1], how much of it counts beside the window's freshest update.
    """

    update_id: str
    weights: NDArray[np.float32]
    examples: int
    discount: float = 1.0


class Share(NamedTuple):
    """What became of a member: its share in the aggregate, ``accepted``, ``clipped`` or ``rejected``, and why."""

    coefficient: float
    outcome: str = ACCEPTED
    reason: str | None = None


class Aggregate(NamedTuple):
    """A window's weights, float32 [n], and each member's share by update_id; ``notes`` are for the record."""

    weights: NDArray[np.float32]
    shares: dict[str, Share]
    notes: Mapping[str, float] = {}  # a default of a NamedTuple, never written to


class Part(NamedTuple):
    """What some of a window's members come to: their weighted sum, and of each its weight as the ``coefficient``."""

    sums: Sums
    shares: dict[str, Share]


class Strategy(NamedTuple):
    """``init(parent) -> state`` and ``update(state, parent, members) -> (state, aggregate)``.

    ``update`` reads ``members`` once, is a function of the set of them, and leaves them as they are. Nobody, or nobody
    acceptable, leaves state and parent. It raises ``MemberError`` for a member that breaks its promises.

    Where one member is held at a time, and not the whole window, the same can be done in parts, anywhere: ``gather`` of
    some members, ``merged`` with that of others, and one ``finish``; to the byte.

    Attributes:
        name: as settings and the log know it.
        parameters: what decides its results, beside the members.
        init: the state before the first window.
        update: of a window.
        gather: ``(parent, members) -> part``; ``None``: it must see all members together.
        finish: ``(state, parent, part) -> (state, aggregate)``.
    """

    name: str
    parameters: Mapping[str, float]
    init: Callable[[NDArray[np.float32]], State]
    update: Callable[[State, NDArray[np.float32], Iterable[Member]], tuple[State, Aggregate]]
    gather: Callable[[NDArray[np.float32], Iterable[Member]], Part] | None = None
    finish: Callable[[State, NDArray[np.float32], Part], tuple[State, Aggregate]] | None = None


def streaming(
    name: str,
    parameters: Mapping[str, float],
    init: Callable[[NDArray[np.float32]], State],
    gather: Callable[[NDArray[np.float32], Iterable[Member]], Part],
    finish: Callable[[State, NDArray[np.float32], Part], tuple[State, Aggregate]],
) -> Strategy:
    """A strategy that takes one member at a time."""

    def update(state: State, parent: NDArray[np.float32], members: Iterable[Member]) -> tuple[State, Aggregate]:
        return finish(state, parent, gather(parent, members))

    return Strategy(name, parameters, init, update, gather, finish)


def merged(parts: Iterable[Part]) -> Part:
    """What all of them come to, whatever their order.

    Raises:
        MemberError: an update is in two of them.
        ValueError: there is none.
    """
    first, *others = parts
    sums, shares = first
    shares = dict(shares)
    for part in others:
        if twice := shares.keys() & part.shares.keys():
            raise MemberError(f"{min(twice)} is twice in the window")
        sums, shares = exact.merge(sums, part.sums), shares | part.shares
    return Part(sums, shares)


class MemberError(ValueError):
    """A member's weights, examples or discount are not what a strategy may be given."""


def sound(parent: NDArray[np.float32], members: Iterable[Member]) -> Iterator[Member]:
    """The members, each looked at when it is its turn.

    Raises:
        MemberError: naming the update: another shape or type than the parent's, NaN or infinity, no examples,
            a discount outside (0, 1], an id twice.
    """
    seen = set()
    for member in members:
        if wrong := _wrong(parent, member):
            raise MemberError(f"{member.update_id}: {wrong}")
        if member.update_id in seen:
            raise MemberError(f"{member.update_id} is twice in the window")
        seen.add(member.update_id)
        yield member


def _wrong(parent: NDArray[np.float32], member: Member) -> str | None:
    array = member.weights
    if array.shape != parent.shape or array.dtype != np.float32:
        return f"weights are {array.dtype}{list(array.shape)}, not float32{list(parent.shape)}"
    if not np.isfinite(array).all():
        return "weights hold NaN or infinity"
    if member.examples <= 0:
        return f"{member.examples} examples"
    if not 0 < member.discount <= 1:
        return f"discount {member.discount} is not in (0, 1]"
    return None
