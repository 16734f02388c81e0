"""A strategy of one's own: docs/own-strategy.md."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from forecaster.strategies import Aggregate, Member, State, Strategy, fedavg


def halfway(share: float = 0.5) -> Strategy:
    """Federated averaging's move, and only ``share`` of it, in (0, 1]."""
    if not 0 < share <= 1:
        raise ValueError(f"share {share} is not in (0, 1]")
    whole = fedavg()

    def update(state: State, parent: NDArray[np.float32], members: Iterable[Member]) -> tuple[State, Aggregate]:
        state, mean = whole.update(state, parent, members)
        return state, mean._replace(weights=parent + np.float32(share) * (mean.weights - parent))

    return Strategy("halfway", {"share": float(share)}, whole.init, update)
