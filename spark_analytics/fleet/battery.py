"""How long a battery will last. Pure."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from schemas.events import FleetInsight
from spark_analytics.fleet.insights import DAY_MS, insight
from spark_analytics.fleet.quality import LOW_V

DAYS = 14
NEEDED = 3
"""Two days always lie on a line."""


def battery(profiles: Sequence[FleetInsight]) -> FleetInsight | None:
    """The estimate at the end of the last of a device's voltage profiles.

    ``voltage``: the day's mean, V. From three days on ``slope``, V/day: the median of the slopes between any two of the
    daily means of up to 14 days (Theil, 1950, A rank-invariant method of linear and polynomial regression analysis;
    Sen, 1968, Estimates of the regression coefficient based on Kendall's tau), and ``days``, how many means there are.
    Where it falls, ``days_left`` until that line is at 2.4 V, from the day's middle on, 0 where it is past that.

    Args:
        profiles: in order of time; None comes of none.
    """
    if not profiles:
        return None
    last = profiles[-1]
    recent = [p for p in profiles if p.start > last.start - DAYS * DAY_MS]
    volts = [p.numbers["mean"] for p in recent]
    numbers = {"voltage": volts[-1], "days": len(volts)}
    if len(volts) >= NEEDED:
        ages = [(p.start - last.start) / DAY_MS for p in recent]
        points = list(zip(ages, volts, strict=True))
        slope = float(np.median([(v - u) / (b - a) for (a, u), (b, v) in combinations(points, 2)]))
        today = float(np.median([v - slope * age for age, v in points]))
        numbers["slope"] = slope
        if slope < 0:
            numbers["days_left"] = max(0.0, (LOW_V - today) / slope)
    behind = last.reading_partition, last.first_offset, last.last_offset
    made = insight("battery", last.device_id, (last.start, last.end), numbers, last.dataset, "voltage")
    return made._replace(reading_partition=behind[0], first_offset=behind[1], last_offset=behind[2])
