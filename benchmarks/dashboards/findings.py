"""What fleet analytics would say of the history's days, made up, under its own ids."""

from collections.abc import Iterator

import numpy as np

from benchmarks.dashboards.history import BIN, DEVICES, History, end_of
from schemas.events import SENSORS, FleetInsight
from spark_analytics.fleet.insights import DAY_MS, FLEET, insight

DATASET = "synthetic"
_HOURS = tuple(f"h{hour:02d}" for hour in range(24))
_PAIRS = tuple(f"{a}_{b}" for n, a in enumerate(SENSORS) for b in SENSORS[n + 1 :])


def findings(past: History) -> Iterator[FleetInsight]:
    """Of each day that is over, of every device, and of the fleet's quality."""
    random = np.random.default_rng(3)
    days = end_of(past.bins - 1) // DAY_MS - end_of(-1) // DAY_MS
    first = end_of(-1) // DAY_MS * DAY_MS
    for day in range(days):
        span = first + day * DAY_MS, first + (day + 1) * DAY_MS
        bins = slice((span[0] - end_of(-1)) // BIN, (span[1] - end_of(-1)) // BIN)
        for number, device in enumerate(past.names):
            yield from _of_device(past, random, device, number, bins, span)
        yield insight(
            "quality", FLEET, span, _quality(float(past.present[bins].mean())) | {"devices": DEVICES}, DATASET
        )


def _of_device(
    past: History, random: np.random.Generator, device: str, number: int, bins: slice, span: tuple[int, int]
) -> Iterator[FleetInsight]:
    for at, sensor in enumerate(SENSORS):
        values = past.values[bins, number, at]
        shares = {f"p{share:02d}": float(np.quantile(values, share / 100)) for share in (5, 25, 50, 75, 95)}
        known = {"count": len(values), "missing": 0, "min": values.min(), "mean": values.mean(), "max": values.max()}
        gaps = {"deviation": values.std(), "largest_gap_s": 600, "gaps": 1}
        yield insight("profile", device, span, known | gaps | shares, DATASET, sensor)
        hourly = values.reshape(24, -1).mean(axis=1).tolist()
        yield insight("seasonality", device, span, dict(zip(_HOURS, hourly, strict=True)), DATASET, sensor)
        yield insight("drift", device, span, {"standardized_shift": float(random.normal())}, DATASET, sensor)
    pairs = dict(zip(_PAIRS, random.uniform(-1, 1, len(_PAIRS)).tolist(), strict=True))
    yield insight("correlation", device, span, pairs, DATASET)
    yield insight("quality", device, span, _quality(float(past.present[bins, number].mean())), DATASET)
    yield insight(
        "battery", device, span, {"voltage": 2.7, "days": 3, "slope": -0.01, "days_left": 30}, DATASET, "voltage"
    )
    far = {"mean": 0.5, "largest": float(random.uniform(0, 4)), "hours": 24, "hours_beyond": 1}
    yield insight("neighbours", device, span, far, DATASET, "temperature")
    for source in ("local", "stream"):
        begin = span[0] + int(random.integers(0, 280)) * BIN
        numbers = {"bins": 3, "severity": 3 + float(random.random())}
        faults = {"fault": "temperature spike"}
        yield insight("episode", device, (begin, begin + 3 * BIN), numbers, DATASET, source=source, labels=faults)


def _quality(present: float) -> dict[str, float]:
    counted = {"readings": 288 * present, "expected": 288, "missing_rate": 1 - present, "interval_s": 300}
    return counted | {"low_voltage": 0, "late": 2, "jumped": 1, "unreadable": 3, "rejected": 4}
