"""What a record without a value is: a tombstone, a mark of a watermark, or nothing that a topic has."""

import pytest

from mongo_sink.decoding import decoded
from schemas.codec import Codec, NotAvroError
from schemas.wire import WATERMARK
from tests.unit.mongo_sink.messages import Message

MARK = Message("local_updates", 1, headers=[(WATERMARK, b"1078401600000")])
"""As Flink writes it."""
KEYED, KEYLESS = Message("local_updates", 2, key=b"mote-07"), Message("predictions", 3)


@pytest.mark.parametrize(
    ("deletes", "tombstones", "undecodable"), [(True, [KEYED, KEYLESS], []), (False, [], [KEYLESS])]
)
def test_a_mark_is_no_tombstone_whether_or_not_those_delete(deletes, tombstones, undecodable):
    batch = decoded(Codec("http://127.0.0.1:9"), [MARK, KEYED, KEYLESS], lambda topic: deletes)
    assert [each.origin.offset for each in batch.records] == [each.offset() for each in tombstones]
    assert all(each.fields is None for each in batch.records)
    assert [origin.offset for origin, _, _ in batch.undecodable] == [each.offset() for each in undecodable]
    assert all(isinstance(error, NotAvroError) for _, _, error in batch.undecodable)
