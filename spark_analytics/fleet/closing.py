"""When a day is over. By what the devices say the time is, never by a clock of ours."""

import math
from collections.abc import Mapping

from spark_analytics.fleet.insights import DAY_MS, HOUR_MS

GRACE_MS = HOUR_MS
"""For which a day that the fleet has gone past still waits."""


def clock(newest: Mapping[str, int]) -> int:
    """The moment that the fleet has reached: the median over its living devices of their newest event time, ms.

    Living is who has reported within a day before the moment that two devices, and a quarter of them all, have reached.
    So neither one wrong clock nor a fleet of which most have fallen silent decides.

    Args:
        newest: by device, ms; not empty.
    """
    times = sorted(newest.values(), reverse=True)
    reached = times[min(max(2, math.ceil(len(times) / 4)), len(times)) - 1]
    living = [time for time in times if time >= reached - DAY_MS]
    # Of an even number, the earlier of the two in the middle.
    return living[len(living) // 2]


def passed(now: int, end: int) -> bool:
    """Whether a fleet whose ``clock`` shows ``now`` waits no longer for what ended at ``end``, ms."""
    return now >= end + GRACE_MS
