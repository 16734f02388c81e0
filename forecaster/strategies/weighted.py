"""Federated averaging: every device by the examples it learned from."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from forecaster.strategies import exact
from forecaster.strategies.contract import Aggregate, Member, Part, Share, State, Strategy, sound, streaming


def fedavg() -> Strategy:
    """Average weighted by example counts (McMahan et al. 2017, Communication-Efficient Learning, algorithm 1)."""

    def finish(state: State, parent: NDArray[np.float32], part: Part) -> tuple[State, Aggregate]:
        return state, average(parent, part)

    return streaming("fedavg", {}, lambda parent: {}, gathered, finish)


def gathered(parent: NDArray[np.float32], members: Iterable[Member]) -> Part:
    """The members' sum by discounted examples, read one at a time."""
    sums, shares = exact.empty(parent.size), {}
    for member in sound(parent, members):
        weight = member.examples * member.discount
        shares[member.update_id] = Share(weight)
        sums = exact.add(sums, weight, member.weights)
    return Part(sums, shares)


def average(parent: NDArray[np.float32], part: Part) -> Aggregate:
    """The mean of those whose sum it is; of nobody the parent."""
    if not part.shares:
        return Aggregate(parent, {})
    total = sum(part.shares[update_id].coefficient for update_id in sorted(part.shares))
    shares = {
        update_id: share._replace(coefficient=share.coefficient / total) for update_id, share in part.shares.items()
    }
    return Aggregate(exact.mean(part.sums), shares)
