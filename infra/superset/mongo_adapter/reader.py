"""Documents for a query: by filter from small collections, by id from big ones.

The embedded stand-in has no index but ``_id``, keeps a whole result in its heap before it answers, and holds up the
sink while it scans. So nothing here asks ``predictions`` or ``sensor_readings`` for anything but ids.
"""

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import cache
from itertools import islice
from typing import Any

from pymongo import MongoClient
from pymongo.database import Database

from infra.superset.mongo_adapter.conditions import Condition, meets, mongo_filter
from infra.superset.mongo_adapter.rows import projection, rows_of
from infra.superset.mongo_adapter.tables import Column, Table
from infra.superset.mongo_adapter.windows import Progress, forecast_ids, reading_id, reading_ids

Row = dict[str, Any]
Conditions = Sequence[Condition]
Columns = Collection[Column]

IDS_A_FIND = 1_000
"""Fastest on the stand-in: 11,000 documents/s; 200 and 5,000 ids are three times slower."""


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
    """The table's rows that meet every condition, with these columns.

    Args:
        mongo: the view.
        table: what to read.
        columns: those wanted, in no order.
        conditions: on columns that are filterable.

    Raises:
        TooMuchError: the query needs more forecasts than may be looked up.
        pymongo.errors.PyMongoError: the server does not answer, or refuses.
    """
    yield from _READINGS[table.reading](mongo, table, conditions, columns)


def _find(mongo: Database[Any], table: Table, conditions: Conditions, columns: Columns) -> Iterator[Row]:
    found = mongo[table.collection].find(mongo_filter(table, conditions), projection(columns))
    for document in found.limit(table.limit):
        yield from rows_of(table, document, columns)


def _forecasts(mongo: Database[Any], table: Table, conditions: Conditions, columns: Columns) -> Iterator[Row]:
    bin_ms = int(os.environ.get("FEDLOG_BIN_MS", "300000"))
    return _by_id(mongo, table, forecast_ids(fleet(mongo), conditions, bin_ms), conditions, columns)


def _readings(mongo: Database[Any], table: Table, conditions: Conditions, columns: Columns) -> Iterator[Row]:
    return _by_id(mongo, table, reading_ids(fleet(mongo)), conditions, columns)


def _by_id(
    mongo: Database[Any], table: Table, ids: Iterable[str], conditions: Conditions, columns: Columns
) -> Iterator[Row]:
    wanted = {*columns, *(table.column(condition.column) for condition in conditions)}
    pending = iter(ids)
    while some := list(islice(pending, IDS_A_FIND)):
        # The conditions are met here: with any other key in the filter the stand-in would scan instead of look up.
        found = mongo[table.collection].find({"_id": {"$in": some}}, projection(wanted)).batch_size(IDS_A_FIND)
        for document in found:
            for row in rows_of(table, document, wanted):
                if meets(row, conditions):
                    yield row


def _devices(mongo: Database[Any], table: Table, conditions: Conditions, columns: Columns) -> Iterator[Row]:
    """Each device with the newest reading it has learned from."""
    keys = (table.column("reading_partition"), table.column("last_offset"))
    devices = list(mongo[table.collection].find(mongo_filter(table, conditions), projection({*columns, *keys})))
    ids = [reading_id(device["reading_partition"], device["last_offset"]) for device in devices]
    newest = {reading["_id"]: reading for reading in mongo["sensor_readings"].find({"_id": {"$in": ids}})}
    for device, id_ in zip(devices, ids, strict=True):
        yield from rows_of(table, device | {"reading": newest.get(id_)}, columns)


_READINGS: dict[str, Callable[..., Iterator[Row]]] = {
    "find": _find,
    "forecasts": _forecasts,
    "readings": _readings,
    "devices": _devices,
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
