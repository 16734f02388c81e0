"""What Shillelagh's virtual tables do not do right, done here.

Shillelagh reads ``x IN (a, b, c)`` once for each value, though SQLite hands over the whole list if it is asked to; it
mixes up constraints as soon as SQLite declares one of them unusable ("xBestIndex malfunction"); and it passes integers
as text, by which MAX(9, 10) is 9. And it writes moments with a T, where Superset's conditions have a space: SQLite
compares them as text where a query hides them from the table, as window functions do, and a day's last hours got lost.
"""

import json
from datetime import datetime
from typing import Any

import apsw  # type: ignore[import-not-found]  # Only Superset's environment has it.
from shillelagh.backends.apsw import db, vt
from shillelagh.fields import FastISODateTime, Integer

_WHOLE_LISTS = {"TEXT", "BIGINT", "REAL"}  # Shillelagh converts values of other types, one by one.


class BigInteger(Integer):
    """An integer that reaches SQLite as one; SQLite's own has 64 bits, as MongoDB's."""

    type = "BIGINT"


class _Moment(FastISODateTime):
    """A moment as Superset writes it, naive UTC: ``2004-03-01 12:00:00``, with microseconds where there are some."""

    def format(self, value: datetime | None) -> str | None:
        return None if value is None else value.isoformat(sep=" ")


class _Cursor(vt.VTCursor):
    def Filter(self, indexnumber: int, indexname: str, constraintargs: list[Any]) -> None:  # noqa: N802
        """Pass a list on as one value, hashable as Shillelagh expects it."""
        args = [frozenset(arg) if isinstance(arg, set) else arg for arg in constraintargs]
        super().Filter(indexnumber, indexname, args)


class _Table(vt.VTTable):
    def BestIndexObject(self, index_info: apsw.IndexInfo) -> bool:  # noqa: N802
        """A plan that takes over every usable constraint on a column with filters, in the form ``VTCursor`` reads."""
        fields = list(self.adapter.get_columns().items())
        indexes: list[tuple[int, int]] = []
        for i in range(index_info.nConstraint):
            column, operator = index_info.get_aConstraint_iColumn(i), index_info.get_aConstraint_op(i)
            if column < 0 or not index_info.get_aConstraint_usable(i):
                continue
            field = fields[column][1]
            if not any(vt.operator_map.get(operator) in class_.operators for class_ in field.filters):
                continue
            indexes.append((column, operator))
            index_info.set_aConstraintUsage_argvIndex(i, len(indexes))
            index_info.set_aConstraintUsage_omit(i, field.exact)
            if index_info.get_aConstraintUsage_in(i) and field.type in _WHOLE_LISTS:
                index_info.set_aConstraintUsage_in(i, True)
        requested = [fields[column][0] for column in index_info.colUsed]
        index_info.idxStr = json.dumps({"indexes": indexes, "orderbys_to_process": [], "requested_columns": requested})
        index_info.estimatedCost = 1e6 / 10 ** len(indexes)
        return True

    def Open(self) -> _Cursor:  # noqa: N802
        """A cursor that understands lists."""
        return _Cursor(self.adapter)


class _Module(vt.VTModule):
    def Create(self, *args: Any) -> tuple[str, _Table]:  # noqa: N802
        """Shillelagh's table, as ours."""
        create_table, table = super().Create(*args)
        return create_table, _Table(table.adapter)

    Connect = Create


def install() -> None:
    """Make Shillelagh's connections in this process build these tables, and know ``BigInteger`` and moments so."""
    vt.type_map[BigInteger.type] = BigInteger
    vt.type_map[_Moment.type] = _Moment
    db.VTModule = _Module
