"""What Trino is told of the collections is what the sink writes into them."""

import re
from datetime import datetime

import pytest
from bson import Int64

from infra.settings import ROOT, Settings
from infra.trino import tables
from infra.trino.tables import COLLECTIONS, SCHEMA, definition
from mongo_sink import config, connector_files
from mongo_sink.documents import placed, value_of
from mongo_sink.task import Properties
from schemas.topics import TOPICS
from schemas.wire import Origin
from tests.unit.schemas import samples
from tests.unit.schemas.avro import read

CATALOG = dict(
    line.split("=", 1)
    for line in (ROOT / "infra" / "trino" / "catalog" / "mongodb.properties").read_text().splitlines()
    if not line.startswith("#")
)


def connectors():
    """Topic, and what the sink does with it, by collection."""
    given: dict[str, Properties] = {
        "MongoSinkConnector": {"connection.uri": "mongodb://127.0.0.1:1", "database": "fedlog"},
        "RollUpSinkConnector": {"connection.uri": "mongodb://127.0.0.1:1", "database": "fedlog"},
        "ModelFileSinkConnector": {"models.directory": "models"},
    }
    loaded = map(config.typed, connector_files.load(connector_files.CONNECTORS, given))
    return {
        each.collection: (topic, each)
        for connector in loaded
        if isinstance(connector, config.MongoConfig)
        for topic, each in connector.by_topic.items()
    }


def parts(inner):
    """What stands between the commas of ``row(…)`` or ``map(…)``, those of inner types aside."""
    found, depth = [""], 0
    for letter in inner:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "," and not depth:
            found.append("")
        else:
            found[-1] += letter
    return [part.strip() for part in found]


def row_of(kind):
    """The fields of a row type, by name."""
    return dict(re.fullmatch(r'"(\w+)" (.+)', part).groups() for part in parts(kind[len("row(") : -1]))


def fits(value, kind):
    """Whether Trino reads a value of MongoDB's as that type; of another it would make null."""
    if value is None:
        return True
    outer, _, inner = kind.partition("(")
    match outer:
        case "row":
            fields = row_of(kind)
            return (
                isinstance(value, dict)
                and value.keys() <= fields.keys()
                and all(fits(item, fields[name]) for name, item in value.items())
            )
        case "array":
            return isinstance(value, list) and all(fits(item, inner[:-1]) for item in value)
        case "map":
            _, of_values = parts(inner[:-1])
            return isinstance(value, dict) and all(fits(item, of_values) for item in value.values())
    kinds = {"varchar": str, "bigint": (int, Int64), "double": float, "boolean": bool, "timestamp": datetime}
    return isinstance(value, {**kinds, "varbinary": bytes}[outer])


def test_every_collection_that_the_sink_writes_is_a_table_of_the_same_topic():
    written = connectors()
    assert {name: topic for name, (topic, _) in written.items()} == {
        name: collection.topic for name, collection in COLLECTIONS.items()
    }


def test_its_id_is_the_field_that_the_sink_makes_it_of():
    for name, (_, each) in connectors().items():
        expected = {"ValueFieldStrategy": each.id_field, "KafkaMetaDataStrategy": ""}[each.id_strategy]
        assert COLLECTIONS[name].key == expected, name


def test_where_the_sink_keeps_some_fields_the_table_has_no_others():
    for name, (_, each) in connectors().items():
        kept = {field.partition(".")[0] for field in each.projection_list} - {"_id"}
        assert set(COLLECTIONS[name].fields) == kept, name


def events():
    return [(name, event) for name in COLLECTIONS for event in samples.SAMPLES if holds(name, event)]


def holds(name, event):
    return isinstance(event, TOPICS[COLLECTIONS[name].topic].event)


@pytest.mark.parametrize(("name", "event"), events(), ids=lambda each: each if isinstance(each, str) else "")
def test_every_value_of_a_document_is_of_the_type_that_trino_is_told(name, event):
    collection = COLLECTIONS[name]
    document = value_of(read(event), collection.topic)
    id_ = document[collection.key] if collection.key else "iot_stream#1#2"
    kept = {field: value for field, value in document.items() if field in (collection.fields or document)}
    whole = placed({"_id": id_, **kept}, Origin(collection.topic, 1, 2, written_at=1_078_401_600_123))
    types = {field["name"]: field["type"] for field in definition(name)["fields"]}
    assert whole.keys() == types.keys()
    assert {field: value for field, value in whole.items() if not fits(value, types[field])} == {}


def test_a_value_of_another_type_would_be_noticed():
    assert not fits("5", "bigint")
    assert not fits({"a": 1.0}, 'row("b" double)')
    assert not fits([{"a": "x"}], 'array(row("a" double))')
    assert not fits({"a": "x"}, "map(varchar, double)")


def test_bytes_and_what_the_sink_adds_are_there_and_not_in_every_answer():
    hidden = {field["name"] for field in definition("global_model")["fields"] if field["hidden"]}
    assert hidden == {"_id", "weights", "server_state", "_log"}
    assert {name for name in COLLECTIONS if definition(name)["table"] != name} == set()


def test_the_definitions_replace_what_trino_has_guessed(monkeypatch):
    written = []

    class Client(dict):
        def __class_getitem__(cls, _):
            return cls

        def __init__(self, uri):
            self.uri = uri

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def __missing__(self, name):
            class Collection:
                def bulk_write(_, writes):  # noqa: N805
                    written.append((self.uri, name, writes))

            return {SCHEMA: Collection()}

    monkeypatch.setattr(tables, "MongoClient", Client)
    tables.put(Settings(mongo="mongodb://elsewhere:27017", database="fleet"))
    ((uri, database, writes),) = written
    assert (uri, database) == ("mongodb://elsewhere:27017", "fleet")
    assert [write._filter for write in writes] == [{"table": name} for name in COLLECTIONS]
    assert all(write._upsert and write._doc == definition(write._filter["table"]) for write in writes)


def test_the_catalog_has_its_address_from_a_setting_and_looks_where_the_definitions_are():
    variable = re.fullmatch(r"\$\{ENV:(\w+)\}", CATALOG["mongodb.connection-url"])[1]
    assert variable.removeprefix("FEDLOG_").lower() in Settings.model_fields
    assert CATALOG["connector.name"] == "mongodb"
    assert CATALOG["mongodb.schema-collection"] == SCHEMA
    assert CATALOG["mongodb.case-insensitive-name-matching"] == "true"
