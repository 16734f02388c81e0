"""A view held against another: what counts as a difference, and what a killed sink may leave."""

from contextlib import nullcontext

import pytest
from bson import ObjectId, encode
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument

from mongo_sink import comparison

PLAIN = {
    "name": "readings",
    "connector.class": "MongoSinkConnector",
    "topics": "iot_stream",
    "connection.uri": "mongodb://m",
    "database": "here",
}
BY_KEY = PLAIN | {
    "document.id.strategy": "PartialValueStrategy",
    "document.id.strategy.partial.value.projection.type": "AllowList",
    "document.id.strategy.partial.value.projection.list": "device_id",
    "writemodel.strategy": "ReplaceOneBusinessKeyStrategy",
}


class Collection:
    name, codec_options = "iot_stream", CodecOptions()

    def __init__(self, documents):
        self.documents = [RawBSONDocument(encode(each)) for each in documents]

    def with_options(self, codec_options):
        return self

    def find_one(self, _):
        return next(iter(self.documents), None)

    def estimated_document_count(self):
        return len(self.documents)

    def find(self, _, skip, limit):
        return self.documents[skip : skip + limit]


@pytest.fixture
def compared(monkeypatch):
    def compare(properties, documents, copies, held=None):
        server = {name: {"iot_stream": Collection(each)} for name, each in (("here", documents), ("there", copies))}
        monkeypatch.setattr(comparison, "connect", lambda uri: nullcontext(server))
        copy = {**properties, "database": "there"}
        (found,) = comparison.compared(properties, copy, held or {("iot_stream", 0): 100})
        assert comparison.digests(properties)["iot_stream"] == found.digest
        return found

    return compare


def document(offset, id_=None, **fields):
    place = {"topic": "iot_stream", "partition": 0, "offset": offset}
    return {"_id": id_ or f"iot_stream#0#{offset}", "device_id": "a", **fields, "_log": place}


def own_ids(*documents):
    return [{**each, "_id": ObjectId()} for each in documents]


def test_an_id_that_the_server_makes_is_no_difference(compared):
    documents = [document(n, device_id=f"d{n}", rooms=[{"t": 1}]) for n in range(3)]
    found = compared(BY_KEY, own_ids(*documents), own_ids(*documents))
    assert (found.difference, found.ahead, found.digest.documents) == (None, [], 3)
    assert found.digest == compared(BY_KEY, own_ids(*reversed(documents)), []).digest
    other = [*documents[:1], {**documents[1], "rooms": [{"t": 2}]}, *documents[2:]]
    assert compared(BY_KEY, own_ids(*documents), own_ids(*other)).difference == "iot_stream#0#1"
    assert compared(BY_KEY, own_ids(*documents), own_ids(*documents[:2])).difference == "iot_stream#0#2"


def test_an_id_of_a_strategys_is_compared(compared):
    one, other = own_ids(document(1)), own_ids(document(1))
    assert compared(PLAIN, one, other).difference == min(str(each["_id"]) for each in (*one, *other))


def test_what_is_ahead_of_the_positions_is_named_and_no_difference(compared):
    written = [document(n) for n in range(8)]
    found = compared(PLAIN, written, written[:5], {("iot_stream", 0): 5})
    assert (found.difference, found.ahead) == (None, [f"iot_stream#0#{n}" for n in (5, 6, 7)])
    found = compared(PLAIN, written[1:], written[:5], {("iot_stream", 0): 5})
    assert (found.difference, len(found.ahead)) == ("iot_stream#0#0", 3)
    assert compared(PLAIN, written, written[:5], {("iot_stream", 0): 8}).difference == "iot_stream#0#5"
    newer, older = document(7, "a"), document(2, "a")
    assert compared(PLAIN, [newer], [older], {("iot_stream", 0): 5})[2:] == (None, ["a"])


def test_what_has_replaced_another_by_its_key_and_is_ahead_is_no_difference(compared):
    newer, older, same = document(7), document(2), document(3, device_id="b")
    found = compared(BY_KEY, own_ids(newer, same), own_ids(older, same), {("iot_stream", 0): 5})
    assert (found.difference, found.ahead) == (None, ["iot_stream#0#7"])
    changed = {**same, "light": 1.0}
    found = compared(BY_KEY, own_ids(newer, same), own_ids(older, changed), {("iot_stream", 0): 5})
    assert found.difference == "iot_stream#0#3"
