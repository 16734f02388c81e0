from uuid import UUID

import pytest
from bson import Binary, ObjectId
from hypothesis import given
from hypothesis import strategies as st

from mongo_sink.documents import UnusableRecordError, date, value_of
from mongo_sink.ids import ID_STRATEGIES, IdOptions, object_id, uuid
from mongo_sink.keys import deleted_id
from mongo_sink.projections import Projection
from schemas.wire import Origin
from tests.unit.mongo_sink.sink_events import NOON, update
from tests.unit.schemas.avro import read

ORIGIN = Origin("local_updates", 1, 5, b"mote-07", NOON)
DEVICE = Projection("allow", ("sequence", "device_id", "missing"))
HOISTED = IdOptions(key_field="device", key_projection=Projection("allow", ("device",)))


@pytest.mark.parametrize(
    ("strategy", "options", "id_"),
    [
        ("KafkaMetaDataStrategy", IdOptions(), "local_updates#1#5"),
        ("ValueFieldStrategy", IdOptions(field="device_id"), "mote-07"),
        ("ValueFieldStrategy", IdOptions(field="sequence"), 3),
        ("PartialValueStrategy", IdOptions(projection=DEVICE), {"device_id": "mote-07", "sequence": 3}),
        ("FullKeyStrategy", IdOptions(), "mote-07"),
        ("FullKeyStrategy", HOISTED, {"device": "mote-07"}),
        ("PartialKeyStrategy", HOISTED, {"device": "mote-07"}),
        ("ProvidedInKeyStrategy", IdOptions(key_field="_id"), "mote-07"),
    ],
)
def test_ids(strategy, options, id_):
    document = value_of(read(update(3)), "local_updates")
    made = ID_STRATEGIES[strategy].make(options)(document, ORIGIN)
    assert made == id_
    if isinstance(id_, dict):
        assert list(made) == list(id_)  # a document's order is part of an _id: the value's, not the list's


def test_a_provided_id_is_the_documents_own():
    provided = ID_STRATEGIES["ProvidedInValueStrategy"].make(IdOptions())
    assert provided({"_id": 7}, ORIGIN) == 7
    text = "0f8fad5b-d9cb-469f-a165-70867728950e"
    as_uuid = ID_STRATEGIES["UuidProvidedInValueStrategy"].make(IdOptions())
    assert as_uuid({"_id": text}, ORIGIN) == as_uuid({"_id": text.replace("-", "")}, ORIGIN)
    assert as_uuid({"_id": text}, ORIGIN).as_uuid() == UUID(text)
    for refused in ({}, {"_id": None}, {"_id": "no uuid"}, {"_id": 3}):
        with pytest.raises(UnusableRecordError):
            as_uuid(refused, ORIGIN)


@pytest.mark.parametrize("key", [None, b"\xff"])
def test_what_is_no_text_is_no_id(key):
    with pytest.raises(UnusableRecordError, match="key"):
        ID_STRATEGIES["FullKeyStrategy"].make(IdOptions())({}, ORIGIN._replace(key=key))


def test_what_a_record_deletes_is_its_keys_id_or_has_the_key_for_one():
    assert deleted_id(ORIGIN, None) == "mote-07"
    assert deleted_id(ORIGIN, "device") == {"device": "mote-07"}
    assert deleted_id(ORIGIN, "_id") == "mote-07"


@given(places=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 99)), unique=True, max_size=20))
def test_generated_ids_are_each_records_own_and_the_same_at_each_delivery(places):
    origins = [ORIGIN._replace(partition=partition, offset=offset) for partition, offset in places]
    for make in (object_id, uuid):
        assert [make(each) for each in origins] == [make(each) for each in origins]
        assert len({make(each) for each in origins}) == len(origins)


def test_generated_ids_are_what_their_names_say():
    assert object_id(ORIGIN).generation_time == date(NOON - NOON % 1000)
    assert object_id(ORIGIN._replace(timestamp=None)).generation_time == date(0)
    text = ID_STRATEGIES["UuidStrategy"].make(IdOptions())({}, ORIGIN)
    binary = ID_STRATEGIES["UuidStrategy"].make(IdOptions(uuid_format="binary"))({}, ORIGIN)
    assert isinstance(ID_STRATEGIES["BsonOidStrategy"].make(IdOptions())({}, ORIGIN), ObjectId)
    assert isinstance(binary, Binary)
    assert str(binary.as_uuid()) == text
