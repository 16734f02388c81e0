"""Numbers, moments and names as people read them. Pure."""

from datetime import UTC, datetime

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
ALARMS = 20_000
"""That are told one by one, the severest."""


def number(value: float | None, digits: int = 4) -> str:
    """To so many significant digits; a dash where there is none."""
    return "–" if value is None or value != value else f"{value:.{digits}g}"


def count(value: float) -> str:
    """A whole number with its thousands."""
    return f"{int(value):,}"


def minute(moment: float) -> str:
    """A moment (ms), UTC, to the minute."""
    return datetime.fromtimestamp(moment / 1000, UTC).strftime("%Y-%m-%d %H:%M")


def span(length_ms: int) -> str:
    """A length of time, e.g. ``6 hours``."""
    size, name = next(
        (s, n) for s, n in ((DAY_MS, "day"), (HOUR_MS, "hour"), (MINUTE_MS, "minute")) if not length_ms % s
    )
    return name if length_ms == size else f"{length_ms // size} {name}s"


def ahead(horizon_ms: int) -> str:
    """A horizon, e.g. ``30 min``."""
    return f"{int(horizon_ms) // MINUTE_MS} min"


def versions(lowest: float, highest: float) -> str:
    """Versions from one to another, e.g. ``3 to 17``."""
    return f"{int(lowest)}" if lowest == highest else f"{int(lowest)} to {int(highest)}"


def stretch(first: float, last: float) -> int:
    """How long to make the stretches (ms) that time between two moments (ms) is cut into: some dozens at most."""
    return next((size for size in (HOUR_MS, 6 * HOUR_MS) if last - first <= 48 * size), DAY_MS)


def instant(moment: int) -> str:
    """A moment (ms), UTC, as commands take it, to the second."""
    return datetime.fromtimestamp(moment / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
