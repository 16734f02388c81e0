"""Documents as flat rows. Pure."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from infra.superset.mongo_adapter.tables import Column, Table


def projection(table: Table, columns: Collection[Column]) -> dict[str, int]:
    """What ``find`` has to return for these columns: never the weights, and ``_id`` only where nothing else is.

    What a whole field's items are made of, as a histogram, lies below a path of its own: its field comes whole. Where
    items are rows and no column of theirs is wanted, one comes all the same: there are as many rows as items.
    """
    whole = {table.unwind} if table.items is not tuple else set()
    if table.unwind and not any(map(table.unwound, columns)):
        columns = [*columns, next(filter(table.unwound, table.columns))]
    paths = (column.path for column in columns if column.path)
    wanted = dict.fromkeys((table.unwind if path.partition(".")[0] in whole else path for path in paths), 1)
    return {**wanted, "_id": 0} if wanted else {"_id": 1}


def rows_of(table: Table, document: Mapping[str, Any], columns: Collection[Column]) -> Iterator[dict[str, Any]]:
    """The document's rows: one, or with ``unwind`` one for each item of its array."""
    fixed = {column.name: _at(document, column) for column in columns if not table.unwound(column)}
    if not table.unwind:
        yield fixed
        return
    varying = [
        column._replace(path=column.path.removeprefix(f"{table.unwind}."))
        for column in columns
        if table.unwound(column)
    ]
    for item in table.items(document.get(table.unwind) or ()):
        yield fixed | {column.name: _at(item, column) for column in varying}


def _at(document: Mapping[str, Any], column: Column) -> Any:
    value: Any = document
    for name in (column.path or column.name).split("."):
        value = value.get(name) if value is not None else None
    return value if column.unit == 1 or value is None else _in_unit(column, value)


def _in_unit(column: Column, value: Any) -> Any:
    return value / column.unit if column.kind == "float" else value // column.unit
