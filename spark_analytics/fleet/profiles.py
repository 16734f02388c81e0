"""What the measurements of a device-day are like: profile, correlation, seasonality. Pure."""

from collections.abc import Iterator
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from schemas.events import SENSORS, FleetInsight
from spark_analytics.fleet.days import Day
from spark_analytics.fleet.insights import HOUR_MS, insight

QUANTILES = (5, 25, 50, 75, 95)
GAP_MS = 300_000
"""Longer than a bin of the forecaster's: it has nothing to say of the time between."""
PAIRS_NEEDED = 3
HOURS = tuple(f"h{hour:02d}" for hour in range(24))


def profiles(day: Day) -> Iterator[FleetInsight]:
    """One for each sensor that has measured anything.

    ``count``, ``missing``; ``min``, ``mean``, ``max``, quantiles ``p05`` to ``p95`` (linear between ranks, as NumPy's
    and Spark's exact ones) and ``deviation`` (of the population), in the sensor's unit; ``largest_gap_s`` between two
    measurements, and ``gaps``: those longer than five minutes.
    """
    for s, sensor in enumerate(SENSORS):
        known = np.isfinite(day.values[:, s])
        values, gaps = day.values[known, s], np.diff(day.times[known])
        if not len(values):
            continue
        numbers = {"count": len(values), "missing": len(known) - len(values)}
        numbers |= {"min": values.min(), "mean": values.mean(), "max": values.max(), "deviation": values.std()}
        ranks = np.percentile(values, QUANTILES)
        numbers |= {f"p{share:02d}": value for share, value in zip(QUANTILES, ranks, strict=True)}
        numbers |= {"largest_gap_s": gaps.max(initial=0) / 1000, "gaps": int((gaps > GAP_MS).sum())}
        yield insight("profile", day.device_id, day.span, numbers, day.dataset, sensor, behind=day.behind)


def correlations(day: Day) -> Iterator[FleetInsight]:
    """Pearson's of each pair of sensors, over readings that have both, e.g. ``temperature_humidity``.

    A pair is left out with fewer than three such readings, or where one of the two does not vary.
    """
    numbers = {}
    for a, b in combinations(range(len(SENSORS)), 2):
        pair = day.values[:, (a, b)]
        pair = pair[np.isfinite(pair).all(axis=1)]
        if len(pair) >= PAIRS_NEEDED and (np.ptp(pair, axis=0) > 0).all():
            numbers[f"{SENSORS[a]}_{SENSORS[b]}"] = _pearson(pair)
    if numbers:
        yield insight("correlation", day.device_id, day.span, numbers, day.dataset, behind=day.behind)


def _pearson(pair: NDArray[np.float64]) -> float:
    centred = pair - pair.mean(axis=0)
    scaled = centred / np.abs(centred).max(axis=0)  # so that squares neither overflow nor vanish
    x, y = scaled.T
    return float(np.clip(x @ y / np.sqrt((x @ x) * (y @ y)), -1, 1))


def seasonality(day: Day) -> Iterator[FleetInsight]:
    """For each sensor the means of its hours, ``h00`` to ``h23`` UTC, in its unit; hours without any are left out."""
    hours = (day.times - day.span[0]) // HOUR_MS
    for s, sensor in enumerate(SENSORS):
        known = np.isfinite(day.values[:, s])
        if not known.any():
            continue
        counts = np.bincount(hours[known], minlength=24)
        sums = np.bincount(hours[known], day.values[known, s], minlength=24)
        numbers = {HOURS[hour]: sums[hour] / counts[hour] for hour in np.flatnonzero(counts)}
        yield insight("seasonality", day.device_id, day.span, numbers, day.dataset, sensor, behind=day.behind)
