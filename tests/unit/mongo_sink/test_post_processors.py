"""The chain. What is expected of documents was seen of MongoDB's own classes (mongo-kafka-connect 2.0.1) with them."""

import json

import pytest
from bson import Int64
from hypothesis import given
from hypothesis import strategies as st

from mongo_sink.conversion import chain
from mongo_sink.documents import UnusableRecordError, date
from mongo_sink.post_processors import convert_time
from mongo_sink.projections import ALL, ONE, allow, block
from mongo_sink.topic_config import TopicConfig
from schemas.wire import Origin
from tests.unit.mongo_sink.sink_events import NOON

ORIGIN = Origin("iot_stream", 1, 7, b"mote-07", NOON)
PLACE = "iot_stream#1#7"


def processed(document, *processors, **properties):
    told = {name.replace("__", "."): value for name, value in properties.items()}
    plain = {"collection": "c", "document.id.strategy": "KafkaMetaDataStrategy"}
    return chain(TopicConfig.of(plain | {"post.processor.chain": ",".join(processors)} | told))(document, ORIGIN)


def allowed(document, *paths, kind="AllowList"):
    return processed(document, f"{kind}ValueProjector", value__projection__type=kind, value__projection__list=paths)


DOCUMENT = {"a": {"b": 1, "x": {"y": 2}}, "c": {"d": 1, "f": {"g": 1}}, "e": None, "l": [{"q": 1, "r": 2}, 3]}


@pytest.mark.parametrize(
    ("paths", "left"),
    [
        (["a.b", "c"], {"a": {"b": 1}, "c": {}}),
        (["_id", "e"], {"_id": PLACE, "e": None}),
        (["_id", "a.**", "c.*", "l.q"], {"_id": PLACE, "a": DOCUMENT["a"], "c": {"d": 1, "f": {}}, "l": [{"q": 1}, 3]}),
        (["l.*"], {"l": [{"q": 1, "r": 2}, 3]}),
        (["l.**"], {"l": [{}, 3]}),
        (["**"], DOCUMENT | {"_id": PLACE}),
        (["*"], {"a": {}, "c": {}, "e": None, "l": [{}, 3], "_id": PLACE}),
        (["e*"], {"e": None}),
        ([], {}),
    ],
)
def test_an_allow_list_brings_what_it_names_and_the_way_there(paths, left):
    assert allowed(DOCUMENT, *paths) == left


@pytest.mark.parametrize(
    ("paths", "left"),
    [
        (["_id", "a.b", "c*", "l.q"], {"a": {"x": {"y": 2}}, "e": None, "l": [{"r": 2}, 3]}),
        (["a.x.y"], DOCUMENT | {"a": {"b": 1, "x": {}}, "_id": PLACE}),
        (["*"], {"a": DOCUMENT["a"], "c": DOCUMENT["c"]}),
        (["*.d"], {"a": DOCUMENT["a"], "c": {"f": {"g": 1}}}),
        (["a.**", "l", "missing.b"], {"a": {}, "c": DOCUMENT["c"], "e": None, "_id": PLACE}),
        (["**"], {}),
        ([], DOCUMENT | {"_id": PLACE}),
    ],
)
def test_a_block_list_takes_what_it_names(paths, left):
    assert allowed(DOCUMENT, *paths, kind="BlockList") == left


names = st.sampled_from(["a", "b", "ab"])
values = st.recursive(
    st.none() | st.integers(0, 3), lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner, max_size=3)
)
documents = st.dictionaries(names, values, max_size=3)
paths = st.lists(st.lists(names | st.sampled_from([ONE, ALL, "a*"]), min_size=1, max_size=3).map(".".join), max_size=3)


@given(document=documents, paths=paths)
def test_projecting_again_changes_nothing(document, paths):
    before = repr(document)
    assert allow(allow(document, paths), paths) == allow(document, paths)
    assert block(block(document, paths), paths) == block(document, paths)
    assert repr(document) == before


def mapping(*pairs):
    return json.dumps([{"oldName": old, "newName": new} for old, new in pairs])


def test_fields_are_renamed_to_the_end_and_documents_in_arrays_keep_theirs():
    document = {"a": 1, "c": {"d": 3, "z": 1}, "l": [{"d": 1}], "h": 0}
    pairs = mapping(("value.a", "g"), ("value.c.d", "e"), ("value.l.d", "e"), ("value.missing", "m"))
    renamed = processed(document, "RenameByMapping", field__renamer__mapping=pairs)
    assert list(renamed.items()) == [("_id", PLACE), ("c", {"z": 1, "e": 3}), ("l", [{"d": 1}]), ("h", 0), ("g", 1)]


def test_a_name_that_is_taken_is_not_written_over():
    renamed = processed({"a": 1, "b": 2}, "RenameByMapping", field__renamer__mapping=mapping(("value.a", "b")))
    assert renamed == {"b": 2, "_id": PLACE}


def test_two_fields_of_one_new_name_are_an_error_of_the_record():
    pairs = mapping(("value.a", "z"), ("value.b", "z"))
    with pytest.raises(UnusableRecordError, match="two fields of value are renamed to 'z'"):
        processed({"a": 1, "b": 2}, "RenameByMapping", field__renamer__mapping=pairs)


def test_names_are_replaced_where_the_whole_path_matches_with_javas_references():
    rules = json.dumps([{"regexp": "^value\\..*a.*$", "pattern": "(a)(x)?", "replace": "$1_"}])
    renamed = processed({"a": 1, "bax": 2, "c": {"aa": 3}}, "RenameByRegExp", field__renamer__regexp=rules)
    assert list(renamed.items()) == [("_id", PLACE), ("c", {"a_a_": 3}), ("a_", 1), ("ba_", 2)]


def test_the_metadata_is_the_originals():
    added = processed({"a": 1}, "KafkaMetaAdder")
    assert added == {"_id": PLACE, "a": 1, "topic-partition-offset": "iot_stream-1-7", "CREATE_TIME": NOON}
    assert type(added["CREATE_TIME"]) is Int64


def test_nulls_are_removed_in_documents_and_in_arrays_of_them():
    document = {"a": {"b": None, "x": {"y": 2}}, "n": None, "l": [{"q": 1, "r": None}, None, [{"z": None}]]}
    removed = processed(document, "NullFieldValueRemover")
    assert removed == {"_id": PLACE, "a": {"x": {"y": 2}}, "l": [{"q": 1}, None, [{"z": None}]]}


def test_the_chain_is_in_its_order_and_begins_with_the_id_unless_it_says_where():
    pairs = mapping(("value.device", "_id"))
    provided = {"document__id__strategy": "ProvidedInValueStrategy", "field__renamer__mapping": pairs}
    made = processed({"device": "mote-07", "a": 1}, "RenameByMapping", "DocumentIdAdder", **provided)
    assert made == {"_id": "mote-07", "a": 1}
    with pytest.raises(UnusableRecordError, match="holds no _id"):
        processed({"device": "mote-07", "a": 1}, "RenameByMapping", **provided)


def test_an_id_that_is_there_stays_unless_it_is_to_be_overwritten():
    assert processed({"_id": 5}, "DocumentIdAdder") == {"_id": 5}
    overwritten = {"document__id__strategy__overwrite__existing": "true"}
    assert processed({"_id": 5}, "DocumentIdAdder", **overwritten) == {"_id": PLACE}


@pytest.mark.parametrize(
    ("value", "converted"),
    [
        (NOON, date(NOON)),
        (Int64(NOON), date(NOON)),
        ("2004-03-04T12:00:00.123Z", date(NOON)),
        ("2004-03-04T13:00:00.123+01:00", date(NOON)),
        ("2004-03-04", date(NOON - 123 - 12 * 3_600_000)),
        (date(NOON), date(NOON)),
        ("soon", "soon"),
        (True, True),
        (None, None),
    ],
)
def test_a_time_series_time_is_converted_where_it_can_be(value, converted):
    assert convert_time("t")({"t": value}, ORIGIN) == {"t": converted}
