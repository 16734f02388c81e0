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


def as_score(sums: Scalars) -> NDArray[np.float32]:
    """Rounded to float32, whose largest number stands for what is larger: what differs by rounding alone is equal."""
    most = np.finfo(np.float32).max
    return np.clip(sums, -most, most).astype(np.float32)
