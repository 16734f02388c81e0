"""Strategies: how a window of local updates becomes one global model."""

import inspect
from collections.abc import Callable, Mapping, Sequence

from forecaster.strategies.clipping import norm_clipping
from forecaster.strategies.contract import (
    ACCEPTED,
    CLIPPED,
    REJECTED,
    Aggregate,
    Member,
    MemberError,
    Part,
    Share,
    State,
    Strategy,
    merged,
)
from forecaster.strategies.coordinatewise import median, trimmed_mean
from forecaster.strategies.geometric import geometric_median
from forecaster.strategies.private import private_fedavg
from forecaster.strategies.selection import krum, multi_krum
from forecaster.strategies.server import fedadam, fedavgm, fedyogi
from forecaster.strategies.weighted import fedavg

__all__ = [
    "ACCEPTED",
    "CLIPPED",
    "REJECTED",
    "STRATEGIES",
    "Aggregate",
    "Member",
    "MemberError",
    "Part",
    "Share",
    "State",
    "Strategy",
    "fedadam",
    "fedavg",
    "fedavgm",
    "fedyogi",
    "geometric_median",
    "krum",
    "median",
    "merged",
    "multi_krum",
    "named",
    "norm_clipping",
    "private_fedavg",
    "trimmed_mean",
]

STRATEGIES: Mapping[str, Callable[..., Strategy]] = {
    build.__name__: build
    for build in (
        *(fedavg, fedavgm, fedadam, fedyogi),
        *(median, trimmed_mean, krum, multi_krum, geometric_median),
        *(norm_clipping, private_fedavg),
    )
}
"""All there are, by the name that settings and the log know them by."""


def named(
    name: str, parameters: Mapping[str, float], learned: slice | None, parts: Sequence[slice] | None = None
) -> Strategy:
    """The strategy of that name.

    Args:
        name: one of ``STRATEGIES``.
        parameters: of the strategy; those with a default may be left out.
        learned: the part of the vector that is trained by gradient, of which server optimizers ask; None is all.
        parts: where numbers of one scale lie, which distances are taken in; None is all of it.

    Raises:
        ValueError: no such strategy, no such parameter of it, one missing, or a value it cannot have.
    """
    if name not in STRATEGIES:
        raise ValueError(f"there is no strategy {name!r} among {', '.join(STRATEGIES)}")
    asked = dict(inspect.signature(STRATEGIES[name]).parameters)
    told = {"learned": learned, "parts": parts}
    extra = {key: value for key, value in told.items() if asked.pop(key, None)}
    needed = {key for key, parameter in asked.items() if parameter.default is parameter.empty}
    if not needed <= parameters.keys() <= asked.keys():
        takes = ", ".join(key if key in needed else f"{key} (or its default)" for key in asked) or "no parameters"
        raise ValueError(f"{name} takes {takes}, not {', '.join(parameters) or 'none'}")
    return STRATEGIES[name](**parameters, **extra)
