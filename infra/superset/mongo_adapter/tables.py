"""What a table is that Superset sees: a collection, flat typed columns, and how its documents are found."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, NamedTuple

Kind = Literal["string", "integer", "float", "boolean", "time"]
Reading = Literal["find", "forecasts", "readings", "devices", "versions", "latencies"]
Items = Callable[[Any], Iterable[Mapping[str, Any]]]


class Column(NamedTuple):
    """A column.

    Attributes:
        name: as queries say it.
        kind: of its values.
        path: where the value lies in the document (dots lead into nested records); empty where it is worked out.
        unit: how many of what the document counts in are one of what the column shows.
    """

    name: str
    kind: Kind
    path: str
    unit: int = 1


class Table(NamedTuple):
    """A table over one collection.

    Attributes:
        reading: ``find`` filters the collection; the others look documents up by ``_id``, or work columns out (see
            ``reader``).
        where: what its documents have in common, as a filter.
        limit: documents read at most; more are left out, so it is only for collections that may be shown in part.
        unwind: field whose items are rows.
        items: the rows in that field's value; an array's are its items.
        joined: record that comes from another collection.
        one_device: whether a query that chooses no device gets the first one's rows only.
    """

    name: str
    collection: str
    columns: tuple[Column, ...]
    reading: Reading = "find"
    where: Mapping[str, Any] = {}  # a default of a NamedTuple, never written to
    limit: int = 0
    unwind: str = ""
    items: Items = tuple
    joined: str = ""
    one_device: bool = False

    def column(self, name: str) -> Column:
        """The column called ``name``."""
        return next(column for column in self.columns if column.name == name)

    def unwound(self, column: Column) -> bool:
        """Whether the column's value differs between the rows of one document."""
        return bool(self.unwind) and column.path.partition(".")[0] == self.unwind

    def found(self, column: Column) -> bool:
        """Whether MongoDB can filter by it: it has the very value that the column shows."""
        return bool(column.path) and column.path.partition(".")[0] not in {self.unwind, self.joined}


def columns(under: str = "", prefix: str = "", *, unit: int = 1, **kinds: Kind) -> tuple[Column, ...]:
    """Columns named ``prefix`` and a field each, which lie below ``under``."""
    return tuple(Column(prefix + name, kind, under + name, unit) for name, kind in kinds.items())


def worked_out(**kinds: Kind) -> tuple[Column, ...]:
    """Columns that no document has."""
    return tuple(Column(name, kind, "") for name, kind in kinds.items())
