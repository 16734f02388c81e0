"""How long forecasts took, by the clocks of those who wrote the records: from the newest reading behind one. Pure.

Only forecasts that are not scored yet say when they were made: a score takes the document's place. Those of the longest
horizon stay so longest.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from infra.superset.mongo_adapter.conditions import Condition
from infra.superset.mongo_adapter.windows import Progress, reading_id

Document = dict[str, Any]

NEWEST = timedelta(hours=1)
"""Event time before the fleet's newest from which on forecasts are looked at."""
FORECAST_FIELDS = ("source", "device_id", "made_at", "actual", "reading_partition", "reading_offset", "_log.written_at")
READING_FIELDS = ("_log.written_at",)


def about(fleet: Sequence[Progress]) -> Iterator[Condition]:
    """What the forecasts that are looked at have in common."""
    if fleet:
        longest = max(horizon for device in fleet for horizon in device.horizons_ms)
        yield Condition("horizon_min", "in", frozenset({longest // 60_000}))
        yield Condition("made_at", "ge", max(device.newest for device in fleet) - NEWEST)


def behind(forecast: Document) -> str:
    """``_id`` of the newest reading behind a forecast."""
    return reading_id(forecast["reading_partition"], forecast["reading_offset"])


def latencies(forecasts: Iterable[Document], readings: Mapping[str, Document]) -> Iterator[Document]:
    """The forecasts with ``latency_s``, seconds; none of those that are scored, or whose records say no time.

    Args:
        forecasts: documents with ``FORECAST_FIELDS``.
        readings: those behind them, with ``READING_FIELDS``, by ``_id``.
    """
    for forecast in forecasts:
        made = forecast["_log"].get("written_at")
        measured = readings.get(behind(forecast), {}).get("_log", {}).get("written_at")
        if made and measured and forecast["actual"] is None:
            yield forecast | {"latency_s": (made - measured) / timedelta(seconds=1)}
