"""Norm clipping: nobody moves the fleet further than a bound."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from forecaster.strategies.contract import CLIPPED, Aggregate, Member, Part, State, Strategy, sound, streaming
from forecaster.strategies.parameters import positive
from forecaster.strategies.weighted import average, gathered
from forecaster.strategies.window import nearer


class Clipped(NamedTuple):
    """A member whose move from the parent is no longer than the norm, and how long it was before."""

    member: Member
    length: float


def norm_clipping(norm: float) -> Strategy:
    """FedAvg of the members with each one's move from the parent shortened to ``norm`` where it is longer.

    Sun et al. 2019, Can You Really Backdoor Federated Learning?, section 5.

    Raises:
        ValueError: ``norm`` is not positive.
    """
    positive("norm", norm)

    def gather(parent: NDArray[np.float32], members: Iterable[Member]) -> Part:
        return gathered_clipped(parent, clipped(parent, members, norm), norm)

    def finish(state: State, parent: NDArray[np.float32], part: Part) -> tuple[State, Aggregate]:
        return state, average(parent, part)

    return streaming("norm_clipping", {"norm": float(norm)}, lambda parent: {}, gather, finish)


def clipped(parent: NDArray[np.float32], members: Iterable[Member], norm: float) -> Iterator[Clipped]:
    """The members, each clipped when it is its turn, in Euclidean norm over all of the vector.

    Raises:
        MemberError: as ``contract.sound``.
    """
    for member in sound(parent, members):
        # Float64, in which no square of a float32 overflows.
        length = float(np.sqrt(np.square(member.weights - parent.astype(np.float64)).sum()))
        if length > norm:
            yield Clipped(member._replace(weights=nearer(parent, member.weights, norm / length)), length)
        else:
            yield Clipped(member, length)


def gathered_clipped(parent: NDArray[np.float32], members: Iterable[Clipped], norm: float) -> Part:
    """Their sum by discounted examples, and who was clipped."""
    lengths: dict[str, float] = {}

    def noted() -> Iterator[Member]:
        for member, length in members:
            lengths[member.update_id] = length
            yield member

    part = gathered(parent, noted())
    shares = {
        update_id: share._replace(outcome=CLIPPED, reason=f"moved {lengths[update_id]:.6g}, the bound is {norm:.6g}")
        if lengths[update_id] > norm
        else share
        for update_id, share in part.shares.items()
    }
    return part._replace(shares=shares)
