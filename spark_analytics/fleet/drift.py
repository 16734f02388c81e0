"""How a device's week differs from the week before. Pure, from the events of its days."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.events import FleetInsight
from spark_analytics.fleet.closing import passed
from spark_analytics.fleet.insights import Known, insight, of_kind, week_of, week_span
from spark_analytics.fleet.profiles import HOURS


class Week(NamedTuple):
    """A sensor's week, in its unit: measurements, mean, variance (of the population), means of the hours or NaN."""

    days: int
    number: float
    mean: float
    variance: float
    hours: NDArray[np.float64]


def drifts(known: Known, newest: Mapping[str, int], now: int) -> Iterator[FleetInsight]:
    """For each device, sensor and week that is over, where the week before is known too.

    ``mean`` and ``mean_before``; ``shift`` between them; ``standardized_shift``: in pooled deviations (Cohen, 1988,
    Statistical power analysis for the behavioral sciences, d); between the weeks' 24 hourly means, of the hours that
    both have, ``profile_distance``: the mean absolute difference hour by hour, and ``wasserstein``: that of their
    distributions, whatever the hour (the Wasserstein-1 distance); ``days`` and ``days_before`` that there are.

    Args:
        known: whose profiles and seasonality it is made from.
        newest: event time by device, ms: a week is over for who has gone past it.
        now: the fleet's clock, ms: or once the fleet has.
    """
    means: dict[tuple[str, str], dict[int, list[FleetInsight]]] = {}
    for event in of_kind(known, "profile"):
        assert event.sensor is not None
        means.setdefault((event.device_id, event.sensor), {}).setdefault(week_of(event.start), []).append(event)
    for (device_id, sensor), weeks in means.items():
        for number, profiles in weeks.items():
            span = week_span(number)
            if number - 1 in weeks and (newest.get(device_id, 0) >= span[1] or passed(now, span[1])):
                after, before = summed(profiles, known), summed(weeks[number - 1], known)
                numbers = compared(before, after)
                yield insight("drift", device_id, span, numbers, profiles[-1].dataset, sensor)


def summed(profiles: Sequence[FleetInsight], known: Known) -> Week:
    """A week of daily profiles, as if its measurements had been profiled at once; hours are means over the days."""
    counts = np.array([p.numbers["count"] for p in profiles])
    means = np.array([p.numbers["mean"] for p in profiles])
    squares = np.array([p.numbers["deviation"] ** 2 for p in profiles])
    mean = float(counts @ means / counts.sum())
    variance = float(counts @ (squares + (means - mean) ** 2) / counts.sum())
    daily = [known[p.insight_id.replace("profile/", "seasonality/", 1)].numbers for p in profiles]
    table = np.array([[numbers.get(hour, np.nan) for hour in HOURS] for numbers in daily])
    some = np.isfinite(table).any(axis=0)
    hours = np.full(24, np.nan)
    hours[some] = np.nanmean(table[:, some], axis=0)
    return Week(len(profiles), float(counts.sum()), mean, variance, hours)


def compared(before: Week, after: Week) -> dict[str, float]:
    """The numbers of a ``drift``; what cannot be said is NaN."""
    shift = after.mean - before.mean
    freedom = before.number + after.number - 2
    pooled = (before.number * before.variance + after.number * after.variance) / freedom if freedom > 0 else 0.0
    both = np.isfinite(before.hours) & np.isfinite(after.hours)
    a, b = before.hours[both], after.hours[both]
    return {
        "mean": after.mean,
        "mean_before": before.mean,
        "shift": shift,
        "standardized_shift": shift / pooled**0.5 if pooled > 0 else np.nan,
        "profile_distance": float(np.abs(a - b).mean()) if both.any() else np.nan,
        "wasserstein": float(np.abs(np.sort(a) - np.sort(b)).mean()) if both.any() else np.nan,
        "days": after.days,
        "days_before": before.days,
    }
