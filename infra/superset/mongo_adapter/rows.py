"""Documents as flat rows. Pure."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from infra.superset.mongo_adapter.tables import Column, Table


def projection(columns: Collection[Column]) -> dict[str, int]:
    """What ``find`` has to return for these columns: never the weights, and ``_id`` only where nothing else is."""
    wanted = dict.fromkeys((column.path for column in columns), 1)
    return {**wanted, "_id": 0} if wanted else {"_id": 1}


def rows_of(table: Table, document: Mapping[str, Any], columns: Collection[Column]) -> Iterator[dict[str, Any]]:
    """The document's rows: one, or with ``unwind`` one for each item of its array."""
    fixed = {column.name: _at(document, column.path) for column in columns if not table.unwound(column)}
    if not table.unwind:
        yield fixed
        return
    varying = [
        (column.name, column.path.removeprefix(f"{table.unwind}.")) for column in columns if table.unwound(column)
    ]
    for item in document.get(table.unwind) or ():
        yield fixed | {name: _at(item, path) for name, path in varying}


def _at(document: Mapping[str, Any], path: str) -> Any:
    value: Any = document
    for name in path.split("."):
        value = value.get(name) if value is not None else None
    return value
