"""Between what members' scores lie, and who is surely among the best."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Scalars = NDArray[np.float64]
Flags = NDArray[np.bool_]


class Bounds(NamedTuple):
    """Between what each member's score lies, float64 [members] each."""

    low: Scalars
    high: Scalars

    def narrowed(self, at: NDArray[np.intp], low: Scalars, high: Scalars) -> "Bounds":
        """With others on some of the members."""
        both = Bounds(self.low.copy(), self.high.copy())
        both.low[at] = np.maximum(self.low[at], low)
        both.high[at] = np.minimum(self.high[at], high)
        return both


def sorted_out(bounds: Bounds, kept: int) -> tuple[Flags, Flags]:
    """Who is surely among the ``kept`` with the least scores, and who may be or not, bool [members] each."""
    # What rounding to float32 makes equal may be equal.
    low, high = as_score(bounds.low * (1 - 2e-7)), as_score(bounds.high * (1 + 2e-7))
    surely = high < np.partition(low, kept - 1)[kept - 1]
    maybe = ~surely & (low <= np.partition(high, kept - 1)[kept - 1])
    return surely, maybe


def in_turn(first: Bounds, bounds: Bounds, coarse: Flags, kept: int) -> NDArray[np.intp]:
    """Who may be among the ``kept`` best or not, those first whose closer bounds decide most about the others.

    Args:
        first: bounds on all.
        bounds: the same, by now closer for some.
        coarse: bool [members], whose bounds have not been made closer; of the others nobody comes.
        kept: how many of the best are looked for.
    """
    _, maybe = sorted_out(bounds, kept)
    between, middle = first.high - first.low, (bounds.low + bounds.high) / 2
    known = ~coarse & np.isfinite(between) & (between > 0)
    # Where between their bounds others' scores turned out to lie.
    part = np.mean((middle - first.low)[known] / between[known]) if known.any() else 0.5
    likely = np.where(coarse, first.low + part * between, middle)
    cut = np.partition(likely, kept - 1)[kept - 1]
    certain = (first.low <= cut) & (cut <= first.high)
    with np.errstate(invalid="ignore"):  # where both are infinite
        order = np.lexsort((np.abs(likely - cut), ~certain))
    return order[(maybe & coarse)[order]]


def as_score(sums: Scalars) -> NDArray[np.float32]:
    """Rounded to float32, whose largest number stands for what is larger: what differs by rounding alone is equal."""
    most = np.finfo(np.float32).max
    return np.clip(sums, -most, most).astype(np.float32)
