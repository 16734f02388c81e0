"""Two things Shillelagh keeps from its adapters: whole ``IN`` lists, and integers that SQLite can compare.

Shillelagh answers ``x IN (a, b, c)`` with a separate read for each value; SQLite can hand over the list at once if the
virtual table asks for it. And Shillelagh passes integers as text, by which MAX(9, 10) is 9.
"""

from typing import Any

import apsw
from shillelagh.backends.apsw import db, vt
from shillelagh.fields import Integer


class BigInteger(Integer):
    """An integer that reaches SQLite as one; SQLite's own has 64 bits, as MongoDB's."""

    type = "BIGINT"


class _Cursor(vt.VTCursor):
    def Filter(self, indexnumber: int, indexname: str, constraintargs: list[Any]) -> None:  # noqa: N802
        """Pass a list on as one value, hashable as Shillelagh expects it."""
        args = [frozenset(arg) if isinstance(arg, set) else arg for arg in constraintargs]
        super().Filter(indexnumber, indexname, args)


class _Table(vt.VTTable):
    def BestIndexObject(self, index_info: apsw.IndexInfo) -> bool:  # noqa: N802
        """Shillelagh's plan, with the lists asked for whole.

        Only lists of text: Shillelagh converts the values of other types one by one.
        """
        planned = super().BestIndexObject(index_info)
        columns = list(self.adapter.get_columns().values())
        for i in range(index_info.nConstraint):
            used = index_info.get_aConstraintUsage_argvIndex(i)
            if (
                used
                and index_info.get_aConstraintUsage_in(i)
                and columns[index_info.get_aConstraint_iColumn(i)].type == "TEXT"
            ):
                index_info.set_aConstraintUsage_in(i, True)
        return planned

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
    """Make Shillelagh's connections in this process build these tables, and know ``BigInteger``."""
    vt.type_map[BigInteger.type] = BigInteger
    db.VTModule = _Module
