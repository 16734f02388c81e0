"""Devices whose temperature leaves that of the devices round them. Pure."""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from schemas.events import FleetInsight
from schemas.positions import Positions
from spark_analytics.fleet.closing import passed
from spark_analytics.fleet.insights import Known, insight, of_kind
from spark_analytics.fleet.profiles import HOURS

NEAREST = 4
NEEDED = 2
"""Neighbours without which an hour is not judged: with one, either may be the odd one."""
BEYOND = 3.0
"""Robust deviations from which on an hour counts."""
NORMAL = 1.4826
"""From a median absolute deviation to the deviation of a normal distribution."""

Hourly = dict[str, NDArray[np.float64]]
"""By device, float64 [24], °C or NaN."""


def nearest(places: Positions, device_id: str, among: Hourly) -> list[str]:
    """The up to ``NEAREST`` others with a position that have reported, the nearest first."""
    x, y = places[device_id]
    others = (name for name in among if name != device_id and name in places)
    return sorted(others, key=lambda name: (math.dist((x, y), places[name]), name))[:NEAREST]


def disagreements(places: Positions, hourly: Hourly) -> tuple[Hourly, dict[str, list[str]]]:
    """By device: its hourly means less the median of its neighbours', °C, NaN where fewer than two have one.

    Returns:
        The disagreements, and each device's neighbours.
    """
    found: Hourly = {}
    round_it = {name: nearest(places, name, hourly) for name in sorted(hourly) if name in places}
    for name, neighbours in round_it.items():
        theirs = np.array([hourly[other] for other in neighbours]).reshape(-1, 24)
        judged = np.isfinite(theirs).sum(axis=0) >= NEEDED
        middle = np.full(24, np.nan)
        if judged.any():
            middle[judged] = np.nanmedian(theirs[:, judged], axis=0)
        found[name] = hourly[name] - middle
    return found, round_it


def neighbours(known: Known, places: Positions, now: int) -> Iterator[FleetInsight]:
    """For each day that the fleet has gone past and each device with neighbours.

    ``mean`` (its sign says warmer or colder) and ``largest`` absolute disagreement, °C; ``hours`` judged, and those
    ``hours_beyond`` three robust deviations from the median of all the fleet's disagreements of the day
    (``fleet_median``, ``fleet_deviation``, °C); in ``labels`` who the ``neighbours`` are.
    """
    days: dict[tuple[int, int], dict[str, FleetInsight]] = {}
    for event in of_kind(known, "seasonality"):
        if event.sensor == "temperature" and passed(now, event.end):
            days.setdefault((event.start, event.end), {})[event.device_id] = event
    for span, events in sorted(days.items()):
        hourly = {name: np.array([e.numbers.get(h, np.nan) for h in HOURS]) for name, e in events.items()}
        found, round_it = disagreements(places, hourly)
        every = np.concatenate([np.zeros(0), *found.values()])
        every = every[np.isfinite(every)]
        if not len(every):
            continue
        middle = float(np.median(every))
        spread = NORMAL * float(np.median(np.abs(every - middle)))
        for name, differences in found.items():
            own = differences[np.isfinite(differences)]
            if len(own):
                numbers = {"mean": own.mean(), "largest": np.abs(own).max(), "hours": len(own)}
                numbers |= {"hours_beyond": int((np.abs(own - middle) > BEYOND * spread).sum())}
                numbers |= {"fleet_median": middle, "fleet_deviation": spread}
                labels = {"neighbours": ",".join(round_it[name])}
                yield insight("neighbours", name, span, numbers, events[name].dataset, "temperature", labels=labels)
