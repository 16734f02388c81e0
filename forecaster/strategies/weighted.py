"""Strategies: how a window of local updates becomes one global model. Pure ``init``/``update`` pairs, as in optax."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from forecaster.knowledge import Knowledge


class Member(NamedTuple):
    """One device's part in a window: its update's id, its knowledge and its example count."""

    update_id: str
    knowledge: Knowledge
    example_count: int


class Aggregate(NamedTuple):
    """The window's knowledge, and each member's share in it by update_id."""

    knowledge: Knowledge
    coefficients: dict[str, float]


class Strategy(NamedTuple):
    """``init(knowledge) -> state`` and ``update(state, parent, members) -> (state, aggregate)``.

    ``update`` is a function of the set of members: their order does not matter.
    """

    name: str
    parameters: dict[str, float]
    init: Callable[[Knowledge], Any]
    update: Callable[[Any, Knowledge, Sequence[Member]], tuple[Any, Aggregate]]


def fedavg() -> Strategy:
    """Average weighted by example counts (McMahan et al. 2017, Communication-Efficient Learning, algorithm 1)."""

    def update(state: None, parent: Knowledge, members: Sequence[Member]) -> tuple[None, Aggregate]:
        if not members:
            return state, Aggregate(parent, {})
        ordered = sorted(members, key=lambda member: member.update_id)
        total = sum(member.example_count for member in ordered)
        shares = [member.example_count / total for member in ordered]

        def average(*arrays: Any) -> Any:
            # Summed in float64 and in the order of ids: the same members give the same bytes.
            parts = zip(shares, arrays, strict=True)
            return np.sum([share * np.asarray(array, np.float64) for share, array in parts], axis=0).astype(np.float32)

        mean = jax.tree.map(average, *(member.knowledge for member in ordered))
        return state, Aggregate(mean, dict(zip((m.update_id for m in ordered), shares, strict=True)))

    return Strategy("fedavg", {}, lambda knowledge: None, update)
