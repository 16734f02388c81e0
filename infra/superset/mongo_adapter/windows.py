"""Which documents are recent, as ids: what makes a chart's cost independent of how long the log is. Pure.

Ids are functions of the log (a reading's is its offset, a forecast's its source, device, horizon and time), and the
newest update of each device says how far it has come. So recent documents can be named and looked up, where asking
for a time range would make the embedded stand-in read its whole collection.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from infra.superset.mongo_adapter.conditions import Condition, chosen, span
from schemas.forecasts import prediction_id

SOURCES = ("local", "stream")
"""Sources whose forecasts can be named; a batch evaluation has its own ids, per version, over any part of history."""

WINDOW = timedelta(hours=24)
"""Event time that is shown where a query sets no start."""

AHEAD = timedelta(hours=2)
"""How far devices may be past their newest update: a training window, and what comes late."""

OFFSETS_BACK, OFFSETS_AHEAD = 2_000, 1_000
"""Readings looked up per partition, before and after the newest that was learned from."""

MAX_IDS = 200_000
"""Lookups one query may need (some 20 s on the stand-in)."""

_MILLISECOND = timedelta(milliseconds=1)
_EPOCH = datetime(1970, 1, 1)  # MongoDB's dates are read as naive UTC


class TooMuchError(ValueError):
    """A query needs more documents than a chart may ask for; the message says how to narrow it."""


class Progress(NamedTuple):
    """How far one device has come: its newest update.

    Attributes:
        newest: naive UTC, end of the last bin learned from.
        horizons_ms: horizons it forecasts.
        partition, offset: of its last reading on ``iot_stream``.
    """

    device_id: str
    newest: datetime
    horizons_ms: tuple[int, ...]
    partition: int
    offset: int


def forecast_ids(fleet: Sequence[Progress], conditions: Sequence[Condition], bin_ms: int) -> Iterator[str]:
    """Ids of the forecasts that can meet the conditions: of the last ``WINDOW`` unless they set a start.

    Args:
        fleet: how far each device has come.
        conditions: of the query, on any columns.
        bin_ms: length of a bin; forecasts are made at the ends of bins.

    Raises:
        TooMuchError: there would be more than ``MAX_IDS``.
    """
    if not fleet:
        return iter(())
    earliest, latest = span(conditions, "made_at")
    fleet_end = min(filter(None, (latest, max(device.newest for device in fleet) + AHEAD)))
    start = earliest or fleet_end - WINDOW - (AHEAD if latest is None else timedelta())
    devices = set(chosen(conditions, "device_id", (device.device_id for device in fleet)))
    sources = chosen(conditions, "source", SOURCES)
    plan = [
        (device.device_id, horizon, _bins(start, min(fleet_end, device.newest + AHEAD), bin_ms))
        for device in fleet
        if device.device_id in devices
        for horizon in chosen(conditions, "horizon_ms", device.horizons_ms)
    ]
    needed = len(sources) * sum(len(bins) for _, _, bins in plan)
    if needed > MAX_IDS:
        raise TooMuchError(
            f"this needs {needed:,} forecasts, more than {MAX_IDS:,}: choose a shorter range of made_at, "
            "fewer devices or one horizon_ms"
        )
    return (
        prediction_id(source, device_id, horizon, made_at)
        for source in sources
        for device_id, horizon, bins in plan
        for made_at in bins
    )


def reading_ids(fleet: Iterable[Progress]) -> Iterator[str]:
    """Ids of the readings round the newest offset learned from, in every partition."""
    newest: dict[int, int] = {}
    for device in fleet:
        newest[device.partition] = max(device.offset, newest.get(device.partition, -1))
    for partition, offset in sorted(newest.items()):
        for near in range(max(0, offset - OFFSETS_BACK), offset + OFFSETS_AHEAD):
            yield reading_id(partition, near)


def reading_id(partition: int, offset: int) -> str:
    """``_id`` of a reading, as the sink's KafkaMetaDataStrategy makes it."""
    return f"iot_stream#{partition}#{offset}"


def _bins(start: datetime, end: datetime, bin_ms: int) -> range:
    """Ends of bins in ``[start, end]``, ms since 1970."""
    first = -(-((start - _EPOCH) // _MILLISECOND) // bin_ms) * bin_ms
    return range(first, (end - _EPOCH) // _MILLISECOND + 1, bin_ms)
