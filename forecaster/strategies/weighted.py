"""Federated averaging: every device by the examples it learned from."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from forecaster.strategies import exact
from forecaster.strategies.contract import Aggregate, Member, Share, State, Strategy, sound


def fedavg() -> Strategy:
    """Average weighted by example counts (McMahan et al. 2017, Communication-Efficient Learning, algorithm 1)."""

    def update(state: State, parent: NDArray[np.float32], members: Iterable[Member]) -> tuple[State, Aggregate]:
        return state, average(parent, members)

    return Strategy("fedavg", {}, lambda parent: {}, update, streams=True)


def average(parent: NDArray[np.float32], members: Iterable[Member]) -> Aggregate:
    """The mean of the members by discounted examples, read one at a time; of nobody the parent."""
    sums, weights = exact.empty(parent.size), {}
    for member in sound(parent, members):
        weights[member.update_id] = weight = member.examples * member.discount
        sums = exact.add(sums, weight, member.weights)
    if not weights:
        return Aggregate(parent, {})
    total = sum(weights[update_id] for update_id in sorted(weights))
    return Aggregate(exact.mean(sums), {update_id: Share(weight / total) for update_id, weight in weights.items()})
