"""What a query asks of a column: as a MongoDB filter, or decided here. Pure."""

import operator
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Literal, NamedTuple

from infra.superset.mongo_adapter.tables import Column, Table

Operator = Literal["in", "ge", "gt", "le", "lt", "null", "not null"]

_COMPARISONS = {"ge": "$gte", "gt": "$gt", "le": "$lte", "lt": "$lt"}


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "in": lambda value, values: value in values,
    "ge": operator.ge,
    "gt": operator.gt,
    "le": operator.le,
    "lt": operator.lt,
    "not null": lambda value, _: True,
}


class Condition(NamedTuple):
    """``column operator value``; the value of ``in`` is a frozenset (equality has one member); times are naive UTC."""

    column: str
    operator: Operator
    value: Any = None


def mongo_filter(table: Table, conditions: Iterable[Condition]) -> dict[str, Any]:
    """The filter for ``find`` that keeps exactly the documents that meet every condition.

    SQL's rules hold: a comparison is never true of a missing value. MongoDB's ``$gt`` and ``$in`` agree, as values of
    another type do not match.
    """
    clauses = [{name: {"$eq": value}} for name, value in table.where.items()]
    clauses += [
        {(column := table.column(condition.column)).path: _clause(column, condition)} for condition in conditions
    ]
    match clauses:
        case []:
            return {}
        case [clause]:
            return clause
        case _:
            return {"$and": clauses}


def _clause(column: Column, condition: Condition) -> dict[str, Any]:
    match condition.operator:
        case "in":
            return {"$in": [value * column.unit if column.unit != 1 else value for value in sorted(condition.value)]}
        case "null":
            return {"$eq": None}
        case "not null":
            return {"$ne": None}
        case comparison:
            value = condition.value * column.unit if column.unit != 1 else condition.value
            return {_COMPARISONS[comparison]: value}


def meets(row: Mapping[str, Any], conditions: Iterable[Condition]) -> bool:
    """Whether a row meets every condition, as ``mongo_filter`` would have decided."""
    return all(
        row[c.column] is None
        if c.operator == "null"
        else row[c.column] is not None and _COMPARE[c.operator](row[c.column], c.value)
        for c in conditions
    )


def chosen(conditions: Iterable[Condition], column: str, of: Iterable[Any]) -> list[Any]:
    """Those ``of`` the column's possible values that the conditions let through, sorted."""
    kept = set(of)
    for condition in conditions:
        if condition.column == column and condition.operator == "in":
            kept &= condition.value
    return sorted(kept)


def span(conditions: Iterable[Condition], column: str) -> tuple[datetime | None, datetime | None]:
    """Earliest and latest moment the conditions allow (both inclusive: a superset), ``None`` where they are silent."""
    earliest: datetime | None = None
    latest: datetime | None = None
    for condition in conditions:
        if condition.column != column:
            continue
        moments = condition.value if condition.operator == "in" else {condition.value}
        if condition.operator in ("ge", "gt", "in"):
            low = min(moments)
            earliest = low if earliest is None else max(earliest, low)
        if condition.operator in ("le", "lt", "in"):
            high = max(moments)
            latest = high if latest is None else min(latest, high)
    return earliest, latest
