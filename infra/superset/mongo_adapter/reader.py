"""Documents for a query: by filter from small collections, by id from big ones.

The embedded stand-in has no index but ``_id``, keeps a whole result in its heap before it answers, and holds up the
sink while it scans. So nothing here asks ``predictions`` or ``sensor_readings`` for anything but ids.
"""

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import islice
from typing import Any

from pymongo import MongoClient
from pymongo.collection import Collection as Mongo
from pymongo.database import Database

from infra.superset.mongo_adapter.composed import DEVICE_FIELDS, PARTS, PLACE, VERSION_COUNTS, devices, ids_of, version
from infra.superset.mongo_adapter.conditions import Condition, chosen, meets, mongo_filter
from infra.superset.mongo_adapter.latencies import FORECAST_FIELDS, READING_FIELDS, about, behind, latencies
from infra.superset.mongo_adapter.rows import projection, rows_of
from infra.superset.mongo_adapter.tables import Column, Table
from infra.superset.mongo_adapter.windows import Progress, first_device, forecast_ids, reading_ids
from schemas.positions import placed_id

Row = dict[str, Any]
Document = dict[str, Any]
Conditions = Sequence[Condition]
Columns = Collection[Column]

IDS_A_FIND = 200
"""The stand-in holds each document that it finds by id against the whole list once more: of 200 ids it gives 18,000
documents/s on two cores that others use too, of 1,000 only 8,000, and of 50 no more, for each find is a way there and
back."""


@cache
def database() -> Database[dict[str, Any]]:
    """The view, at ``FEDLOG_MONGO_URI`` and ``FEDLOG_MONGO_DATABASE``: one client a process, threads share it.

    Raises:
        KeyError: the environment does not say where it is.
    """
    client: MongoClient[dict[str, Any]] = MongoClient(
        os.environ["FEDLOG_MONGO_URI"], serverSelectionTimeoutMS=3_000, socketTimeoutMS=60_000, appname="superset"
    )
    return client[os.environ["FEDLOG_MONGO_DATABASE"]]


def read(mongo: Database[Any], table: Table, conditions: Conditions, columns: Columns) -> Iterator[Row]:
    """The table's rows that meet every condition, with these columns and those of the conditions.

    Args:
        mongo: the view.
        table: what to read.
        columns: those wanted, in no order.
        conditions: on any columns.

    Raises:
        TooMuchError: the query needs more forecasts than may be looked up.
        pymongo.errors.PyMongoError: the server does not answer, or refuses.
    """
    needed = {*columns, *(table.column(condition.column) for condition in conditions)}
    for document in _READINGS[table.reading](mongo, table, conditions, needed):
        for row in rows_of(table, document, needed):
            if meets(row, conditions):
                yield row


def _find(mongo: Database[Any], table: Table, conditions: Conditions, columns: Columns) -> Iterator[Document]:
    found = [condition for condition in conditions if table.found(table.column(condition.column))]
    yield from mongo[table.collection].find(mongo_filter(table, found), projection(table, columns)).limit(table.limit)


def _forecasts(mongo: Database[Any], table: Table, conditions: Conditions, columns: Columns) -> Iterator[Document]:
    versions = batch_versions(mongo) if chosen(conditions, "source", ["batch"]) else ()
    everything = fleet(mongo)
    if table.one_device:
        conditions = [*conditions, *first_device(everything, conditions)]
    ids = forecast_ids(everything, conditions, _bin_ms(), versions)
    return _by_id(mongo[table.collection], ids, projection(table, columns))


def _readings(mongo: Database[Any], table: Table, conditions: Conditions, columns: Columns) -> Iterator[Document]:
    return _by_id(mongo[table.collection], reading_ids(fleet(mongo), conditions), projection(table, columns))


def _latencies(mongo: Database[Any], table: Table, conditions: Conditions, columns: Columns) -> Iterator[Document]:
    everything = fleet(mongo)
    ids = forecast_ids(everything, [*conditions, *about(everything)], _bin_ms())
    forecasts = list(_by_id(mongo[table.collection], ids, dict.fromkeys(FORECAST_FIELDS, 1)))
    wanted = sorted({behind(forecast) for forecast in forecasts})
    readings = _by_id(mongo["sensor_readings"], wanted, dict.fromkeys(READING_FIELDS, 1))
    return latencies(forecasts, {reading["_id"]: reading for reading in readings})


def _bin_ms() -> int:
    return int(os.environ.get("FEDLOG_BIN_MS", "300000"))


def _by_id(collection: Mongo[Any], ids: Iterable[str], fields: Mapping[str, int] | None = None) -> Iterator[Document]:
    pending = iter(ids)
    while some := list(islice(pending, IDS_A_FIND)):
        # By id only: with any other key in the filter the stand-in would scan instead of look up.
        yield from collection.find({"_id": {"$in": some}}, fields).batch_size(IDS_A_FIND)


def _devices(mongo: Database[Any], table: Table, conditions: Conditions, columns: Columns) -> Iterator[Document]:
    everything = list(mongo[table.collection].find({}, dict.fromkeys(DEVICE_FIELDS, 1)))
    parts = {column.path.partition(".")[0] for column in columns}
    found = [_found(mongo, part, ids_of(part, everything)) for part in PARTS if part in parts]
    if PLACE in parts:
        found.append((PLACE, placed(mongo, [device["device_id"] for device in everything])))
    return devices(everything, *found)


def _found(mongo: Database[Any], part: str, ids: Mapping[str, str]) -> tuple[str, dict[str, Document]]:
    """What a part of a device's row comes from, by device."""
    found = {each["_id"]: each for each in _by_id(mongo[PARTS[part]], sorted(ids.values()))}
    return part, {device: found[id_] for device, id_ in ids.items() if id_ in found}


def placed(mongo: Database[Any], device_ids: Sequence[str]) -> dict[str, Document]:
    """By device, its newest placing. They are numbered without a gap, so each is looked up until there is none."""
    newest: dict[str, Document] = {}
    moved, number = list(device_ids), 0
    while moved:
        ids = {placed_id(device_id, number): device_id for device_id in moved}
        found = _by_id(mongo["fleet_analytics"], sorted(ids), {"numbers": 1})
        later = {ids[each["_id"]]: each for each in found}
        newest |= later
        moved, number = sorted(later), number + 1
    return newest


def _versions(mongo: Database[Any], table: Table, conditions: Conditions, columns: Columns) -> Iterator[Document]:
    newest = max((device.newest for device in fleet(mongo)), default=None)
    also = {"window_end": 1}
    if not VERSION_COUNTS.isdisjoint(column.name for column in columns):
        also |= {"contributions.outcome": 1, "contributions.staleness": 1}
    found = [condition for condition in conditions if table.found(table.column(condition.column))]
    wanted = mongo_filter(table, found), projection(table, columns) | also
    return (version(document, newest) for document in mongo[table.collection].find(*wanted))


_READINGS: dict[str, Callable[..., Iterator[Document]]] = {
    "find": _find,
    "forecasts": _forecasts,
    "readings": _readings,
    "devices": _devices,
    "versions": _versions,
    "latencies": _latencies,
}


def fleet(mongo: Database[Any]) -> list[Progress]:
    """How far every device has come: a document each, whatever the length of the log."""
    wanted = dict.fromkeys(("event_time", "errors.horizon_ms", "reading_partition", "last_offset"), 1)
    return [
        Progress(
            device["_id"],
            device["event_time"],
            tuple(sorted({error["horizon_ms"] for error in device["errors"]})),
            device["reading_partition"],
            device["last_offset"],
        )
        for device in mongo["local_models"].find({}, wanted)
    ]


def batch_versions(mongo: Database[Any]) -> list[int]:
    """The versions of the model that batch evaluations were made with."""
    evaluated = mongo["forecast_errors_daily"].find({"source": "batch"}, {"model_version": 1, "_id": 0})
    return sorted({each["model_version"] for each in evaluated})
