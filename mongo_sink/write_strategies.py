"""``writemodel.strategy``: the folds by their names, what each needs of a record, and what tombstones do to all."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from mongo_sink import folds
from mongo_sink.documents import Document, Row, UnusableRecordError
from mongo_sink.write_models import Delete, Replace, Write, document_of, rows_of

Fold = Callable[[Iterable[Row], str | None], list[Write]]


class WriteStrategy(NamedTuple):
    """``fold(rows, field)``, and what it needs: a field, a value in it, an ``_id`` that is a document."""

    fold: Fold
    needs_field: bool = False
    needs_value: bool = False
    business_key: bool = False
    needs_id: bool = True

    def check(self, row: Row, field: str | None) -> None:
        """Whether the fold can take it.

        Raises:
            UnusableRecordError: what the strategy needs of the record is not there.
        """
        id_ = row.document.get("_id")
        if not self.needs_id:
            return
        if id_ is None:
            raise UnusableRecordError("the document has no _id: the chain of post processors took it away")
        if self.business_key and not (isinstance(id_, dict) and id_):
            raise UnusableRecordError(f"_id {id_!r} holds no fields of a business key")
        if self.needs_field and field not in row.document:
            raise UnusableRecordError(f"the document has no field {field!r}")
        if self.needs_value and row.document[str(field)] is None:
            raise UnusableRecordError(f"{field} is null")

    def writes(self, rows: Iterable[Row], field: str | None) -> list[Write]:
        """The fold, and tombstones delete what was before them."""
        rows = list(rows)
        if not self.needs_id or not any(row.tombstone for row in rows):
            return self.fold(rows, field)
        return [write for group in folds.groups(rows, folds.id_of) for write in self._buried(group, field)]

    def _buried(self, group: list[Row], field: str | None) -> list[Write]:
        tombstones = [place for place, row in enumerate(group) if row.tombstone]
        if not tombstones:
            return self.fold(group, field)
        onward = group[tombstones[-1] :]
        filter_: Document = {"_id": folds.id_of(group[-1])}
        if len(onward) == 1:
            return [Delete(onward[0], filter_)]
        # What the collection holds goes, whatever it is: the rest as if written where nothing was.
        (write,) = self.fold(onward[1:], field)
        return [Replace(rows_of(write)[-1], filter_, document_of(write), tuple(group))]


WRITE_STRATEGIES = {
    # MongoDB's, of the same names. A duplicate _id is an error there; here it means that the document is written.
    "InsertOneDefaultStrategy": WriteStrategy(folds.insert_one),
    "ReplaceOneDefaultStrategy": WriteStrategy(folds.replace_one),
    "ReplaceOneBusinessKeyStrategy": WriteStrategy(folds.replace_one_business_key, business_key=True),
    "UpdateOneDefaultStrategy": WriteStrategy(folds.update_one),
    "UpdateOneTimestampsStrategy": WriteStrategy(folds.update_one_timestamps),
    "UpdateOneBusinessKeyTimestampStrategy": WriteStrategy(folds.update_one_business_key, business_key=True),
    "DeleteOneDefaultStrategy": WriteStrategy(folds.delete_one, needs_id=False),
    "DeleteOneBusinessKeyStrategy": WriteStrategy(folds.delete_one_business_key, business_key=True),
    # The project's own.
    "ReplaceOneGreaterStrategy": WriteStrategy(folds.replace_one_greater, needs_field=True, needs_value=True),
    "ReplaceOneOnceSetStrategy": WriteStrategy(folds.replace_one_once_set, needs_field=True),
}
