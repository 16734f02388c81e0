"""The Shillelagh adapter: SQLite's constraints in, rows out. Read-only, for Shillelagh's writes are left unwritten."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, ClassVar, Self

from pymongo.errors import PyMongoError
from shillelagh.adapters.base import Adapter
from shillelagh.adapters.registry import registry
from shillelagh.exceptions import OperationalError, ProgrammingError
from shillelagh.fields import Boolean, DateTime, Field, Float, String
from shillelagh.filters import Filter, Operator
from shillelagh.typing import RequestedOrder, Row

from infra.superset.mongo_adapter.catalogue import TABLES
from infra.superset.mongo_adapter.conditions import Condition
from infra.superset.mongo_adapter.reader import database, read
from infra.superset.mongo_adapter.virtual_table import BigInteger, install
from infra.superset.mongo_adapter.windows import TooMuchError

NAME = "fedlog"
"""What ``engine_params`` in ``assets/databases`` calls the adapter."""

_OPERATORS: dict[Operator, Any] = {
    Operator.EQ: "in",
    Operator.GE: "ge",
    Operator.GT: "gt",
    Operator.LE: "le",
    Operator.LT: "lt",
    Operator.IS_NULL: "null",
    Operator.IS_NOT_NULL: "not null",
}
_FIELDS: dict[str, type[Field[Any, Any]]] = {
    "string": String,
    "integer": BigInteger,
    "float": Float,
    "boolean": Boolean,
    "time": DateTime,
}


class AllOf(Filter):
    """Every condition on a column.

    One class for all operators: Shillelagh silently drops the filters of a column when none of the column's classes
    knows all the operators in use.
    """

    operators: ClassVar = set(_OPERATORS)

    def __init__(self, operations: set[tuple[Operator, Any]]):
        self.operations = operations

    @classmethod
    def build(cls, operations: set[tuple[Operator, Any]]) -> Self:
        """Keep them as they are."""
        return cls(operations)

    def conditions(self, column: str) -> Iterator[Condition]:
        """The same, in our words."""
        for operator, value in self.operations:
            if isinstance(value, datetime) and value.tzinfo is not None:
                value = value.astimezone(UTC).replace(tzinfo=None)
            if operator is Operator.EQ and not isinstance(value, frozenset):
                value = frozenset([value])
            yield Condition(column, _OPERATORS[operator], value)


class MongoAdapter(Adapter):
    """One of ``tables.TABLES``."""

    safe = True
    supports_requested_columns = True

    def __init__(self, table: str):
        # Not super().__init__(): it registers an exit handler, which would keep every query's adapter for ever.
        self.table = TABLES[table]
        self.columns: dict[str, Field[Any, Any]] = {
            # Exact, so that SQLite does not compare moments again, as text in two notations.
            column.name: _FIELDS[column.kind](filters=[AllOf], exact=True)
            for column in self.table.columns
        }

    @staticmethod
    def supports(uri: str, fast: bool = True, **kwargs: Any) -> bool:
        """Whether it is one of our tables."""
        return uri in TABLES

    @staticmethod
    def parse_uri(uri: str) -> tuple[str]:
        """The constructor's arguments."""
        return (uri,)

    def get_columns(self) -> dict[str, Field[Any, Any]]:
        """Columns and their types."""
        return self.columns

    def get_data(
        self,
        bounds: dict[str, Filter],
        order: list[tuple[str, RequestedOrder]],
        requested_columns: set[str] | None = None,
        **kwargs: Any,
    ) -> Iterator[Row]:
        """Rows as SQLite asks for them; it stops asking at its LIMIT.

        Raises:
            ProgrammingError: the query needs more documents than a chart may ask for.
            OperationalError: MongoDB does not answer or refuses.
        """
        conditions = [c for name, bound in bounds.items() if isinstance(bound, AllOf) for c in bound.conditions(name)]
        wanted = [c for c in self.table.columns if requested_columns is None or c.name in requested_columns]
        try:
            for rowid, row in enumerate(read(database(), self.table, conditions, wanted)):
                row["rowid"] = rowid
                yield row
        except TooMuchError as error:
            raise ProgrammingError(str(error)) from error
        except PyMongoError as error:
            raise OperationalError(f"MongoDB: {error!s:.200}. Is it running? `make status` says so.") from error


def register() -> None:
    """Make the adapter known to ``shillelagh+safe://`` engines of this process; again is the same."""
    install()
    if NAME not in registry.loaders:
        registry.add(NAME, MongoAdapter)
