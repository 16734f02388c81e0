"""Which documents are recent, as ids: what makes a chart's cost independent of how long the log is. Pure.

Ids are functions of the log (a reading's is its offset, a forecast's its source, device, horizon and time), and the
newest update of each device says how far it has come. So recent documents can be named and looked up, where asking
for a time range would make the embedded stand-in read its whole collection.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from infra.superset.mongo_adapter.conditions import Condition, chosen, meets, span
from schemas.forecasts import prediction_id
from schemas.wire import place_id

SOURCES = ("local", "stream")
"""Sources that make each forecast once; a batch evaluation makes it once for each version."""

WINDOW = timedelta(hours=24)
"""Event time that is shown where a query sets no start."""

AHEAD = timedelta(hours=2)
"""How far devices may be past their newest update: a training window, and what comes late."""

OFFSETS_BACK, OFFSETS_AHEAD = 1_000, 500
"""Readings looked up per partition, before and after the newest that was learned from."""

DEFAULT_IDS = 12_000
"""Lookups of a query that sets no start: well under a second of the stand-in's."""

MAX_IDS = 200_000
"""Lookups one query may need (some 10 s on the stand-in)."""

_MILLISECOND, _HOUR = timedelta(milliseconds=1), timedelta(hours=1)
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


def forecast_ids(
    fleet: Sequence[Progress], conditions: Sequence[Condition], bin_ms: int, batch_versions: Collection[int] = ()
) -> Iterator[str]:
    """Ids of the forecasts that can meet the conditions.

    Of the last ``WINDOW`` unless they set a start, or of as many of its last hours as ``DEFAULT_IDS`` suffice for.

    Args:
        fleet: how far each device has come.
        conditions: of the query, on any columns.
        bin_ms: length of a bin; forecasts are made at the ends of bins.
        batch_versions: versions of the model that batch evaluations were made with.

    Raises:
        TooMuchError: there would be more than ``MAX_IDS``.
    """
    if not fleet:
        return iter(())
    wanted = set(chosen(conditions, "device_id", (device.device_id for device in fleet)))
    plans = [
        (device, horizon_min * 60_000)
        for device in fleet
        if device.device_id in wanted
        for horizon_min in chosen(conditions, "horizon_min", (each // 60_000 for each in device.horizons_ms))
    ]
    evaluated = chosen(conditions, "model_version", batch_versions)
    made: list[tuple[str, int | None]] = [(source, None) for source in chosen(conditions, "source", SOURCES)]
    made += [("batch", version) for version in (evaluated if chosen(conditions, "source", ["batch"]) else ())]

    earliest, latest = span(conditions, "made_at")
    fleet_end = min(filter(None, (latest, max(device.newest for device in fleet) + AHEAD)))
    if earliest is None:
        an_hour = len(made) * len(plans) * 3_600_000 // bin_ms
        hours = max(1, min(WINDOW // _HOUR, DEFAULT_IDS // max(1, an_hour)))
        earliest = fleet_end - hours * _HOUR - (AHEAD if latest is None else timedelta())
    spans = [
        (device.device_id, horizon, _bins(earliest, min(fleet_end, device.newest + AHEAD), bin_ms))
        for device, horizon in plans
    ]
    needed = len(made) * sum(len(bins) for _, _, bins in spans)
    if needed > MAX_IDS:
        raise TooMuchError(
            f"this needs {needed:,} forecasts, more than {MAX_IDS:,}: choose a shorter range of made_at, "
            "fewer devices or one horizon_min"
        )
    return (
        prediction_id(source, device_id, horizon, made_at, version)
        for source, version in made
        for device_id, horizon, bins in spans
        for made_at in bins
    )


def first_device(fleet: Iterable[Progress], conditions: Sequence[Condition]) -> Iterator[Condition]:
    """The condition that keeps the first device of those that the conditions allow; none where they name devices."""
    about = [condition for condition in conditions if condition.column == "device_id"]
    if not any(condition.operator == "in" for condition in about):
        allowed = (device.device_id for device in fleet if meets({"device_id": device.device_id}, about))
        if (first := min(allowed, default=None)) is not None:
            yield Condition("device_id", "in", frozenset({first}))


def reading_ids(fleet: Iterable[Progress], conditions: Sequence[Condition] = ()) -> Iterator[str]:
    """Ids of the readings round the newest offset learned from, in every partition that has a device asked for."""
    fleet = list(fleet)
    wanted = set(chosen(conditions, "device_id", (device.device_id for device in fleet)))
    newest: dict[int, int] = {}
    for device in fleet:
        if device.device_id in wanted:
            newest[device.partition] = max(device.offset, newest.get(device.partition, -1))
    for partition, offset in sorted(newest.items()):
        for near in range(max(0, offset - OFFSETS_BACK), offset + OFFSETS_AHEAD):
            yield reading_id(partition, near)


def reading_id(partition: int, offset: int) -> str:
    """``_id`` of a reading, as the sink's KafkaMetaDataStrategy makes it."""
    return place_id("iot_stream", partition, offset)


def milliseconds(moment: datetime) -> int:
    """A naive UTC moment, ms since 1970."""
    return (moment - _EPOCH) // _MILLISECOND


def _bins(start: datetime, end: datetime, bin_ms: int) -> range:
    """Ends of bins in ``[start, end]``, ms since 1970."""
    first = -(-milliseconds(start) // bin_ms) * bin_ms
    return range(first, milliseconds(end) + 1, bin_ms)
