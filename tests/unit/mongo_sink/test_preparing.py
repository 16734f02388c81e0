"""Collections before the first write, on a database that answers as MongoDB or as the embedded stand-in does."""

import copy

import bson
import pytest
from pymongo.errors import CollectionInvalid, OperationFailure

from mongo_sink.config import MongoConfig
from mongo_sink.preparing import PreparationError, indexes, prepare
from mongo_sink.schema_rules import derived_index, is_leaf, validator
from mongo_sink.writes import ServerNotReadyError
from schemas.topics import TOPIC_OF, TOPICS
from tests.unit.mongo_sink.sink_events import document, global_model, letter, prediction, reading, update

EVENTS = [reading(), update(3), global_model(4), prediction(scored=True), prediction(scored=False), letter()]


class Database:
    """Knows validators and time series, or says yes to them and forgets (``keeps``), as the stand-in does."""

    def __init__(self, keeps=True, **collections):
        self.keeps, self.collections, self.made = keeps, collections, []

    def list_collections(self, filter):
        return [copy.deepcopy(self.collections[name]) for name in self.collections if name == filter["name"]]

    def create_collection(self, name, **options):
        if name in self.collections:
            raise CollectionInvalid(f"{name} is there")
        kind = "timeseries" if self.keeps and "timeseries" in options else "collection"
        self.collections[name] = {"name": name, "type": kind, "options": options if self.keeps else {}}

    def drop_collection(self, name):
        del self.collections[name]

    def command(self, command, name, validator):
        if not self.keeps:
            raise OperationFailure("no such command: 'collMod'", 59)
        self.collections[name]["options"]["validator"] = validator

    def __getitem__(self, name):
        return self

    def create_index(self, keys, unique):
        self.made.append((dict(keys), unique))


def config(**properties):
    told = {name.replace("__", "."): value for name, value in properties.items()}
    plain = {
        "name": "a",
        "connector.class": "MongoSinkConnector",
        "topics": "iot_stream",
        "connection.uri": "mongodb://a",
        "database": "d",
    }
    topic = told.get("topics", "iot_stream")
    return topic, MongoConfig.of(plain | told).by_topic[topic]


def prepared(database, **properties):
    prepare(database, *config(**properties))
    return database


def valid(rule, value):
    """Whether a value meets a rule of ``$jsonSchema``: as much of it as the rules use."""
    if "anyOf" in rule and not any(valid(each, value) for each in rule["anyOf"]):
        return False
    if "enum" in rule and value not in rule["enum"]:
        return False
    if "bsonType" in rule and not set(bson_types(value)) & set(rule["bsonType"]):
        return False
    if isinstance(value, dict):
        named = rule.get("properties", {})
        others = [value[name] for name in value.keys() - named.keys()]
        return (
            set(rule.get("required", ())) <= value.keys()
            and all(valid(each, value[name]) for name, each in named.items() if name in value)
            and all(valid(rule.get("additionalProperties", {}), each) for each in others)
        )
    return all(valid(rule.get("items", {}), each) for each in value) if isinstance(value, list) else True


def bson_types(value):
    names = {1: "double", 2: "string", 3: "object", 4: "array", 5: "binData", 8: "bool", 9: "date", 10: "null"}
    return [(names | {16: "int", 18: "long"})[bson.encode({"": value})[4]]]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_the_validator_of_a_topic_takes_its_documents_and_no_others(event):
    rule = validator(TOPICS[TOPIC_OF[type(event)]].schema)["$jsonSchema"]
    good = document(event, "id")
    assert valid(rule, good)
    for name in event._fields:
        assert not valid(rule, {key: value for key, value in good.items() if key != name})
        assert not valid(rule, good | {name: object_of_no_field()})


def object_of_no_field():
    return [{"unheard": {"of": b""}}, True, 1.5]


@pytest.mark.parametrize("topic", TOPICS)
def test_every_topic_has_a_validator_that_bson_can_hold(topic):
    assert bson.decode(bson.encode(validator(TOPICS[topic].schema)))


def test_a_nested_field_is_held_to_its_type_too():
    rule = validator(TOPICS["global_models"].schema)["$jsonSchema"]
    good = document(global_model(4), "id")
    assert not valid(rule, good | {"contributions": [good["contributions"][0] | {"offset": "17"}]})
    assert not valid(rule, good | {"strategy_parameters": {"decay": "half"}})


def test_a_new_collection_is_made_with_its_validator_and_index():
    database = prepared(Database())
    assert database.collections["iot_stream"]["options"] == {"validator": validator(TOPICS["iot_stream"].schema)}
    assert database.made == [({"device_id": 1, "event_time": 1}, False)]
    again = copy.deepcopy(database.collections)
    assert prepared(database).collections == again


def test_one_that_is_there_is_given_the_validator():
    database = prepared(Database(iot_stream={"name": "iot_stream", "type": "collection", "options": {}}))
    assert database.collections["iot_stream"]["options"] == {"validator": validator(TOPICS["iot_stream"].schema)}


def test_where_the_server_keeps_no_validator_none_is_there_and_the_log_says_so(caplog):
    caplog.set_level("INFO")
    for database in (Database(False), Database(False, iot_stream={"name": "iot_stream", "options": {}})):
        assert prepared(database).collections["iot_stream"]["options"] == {}
    assert "iot_stream has no validator: the server keeps none" in caplog.text
    with pytest.raises(PreparationError, match="keeps no validator for iot_stream"):
        prepared(Database(False), collection__validator="true")


def test_a_chain_that_changes_fields_goes_without_and_cannot_have_one():
    told = {"post__processor__chain": "NullFieldValueRemover"}
    database = prepared(Database(), **told)
    assert (database.collections, database.made) == ({}, [])
    with pytest.raises(PreparationError, match="changes them"):
        prepared(Database(), **told, collection__validator=True)
    assert prepared(Database(), collection__validator=False).collections == {}


SERIES = {
    "timeseries__timefield": "event_time",
    "timeseries__metafield": "device_id",
    "timeseries__granularity": "Minutes",
    "timeseries__expire__after__seconds": "60",
}


def test_a_time_series_is_made_where_the_server_has_them():
    database = prepared(Database(), **SERIES)
    assert database.collections["iot_stream"]["options"] == {
        "timeseries": {"timeField": "event_time", "metaField": "device_id", "granularity": "minutes"},
        "expireAfterSeconds": 60,
    }
    assert prepared(database, **SERIES).made == []


def test_where_it_has_none_that_is_said_and_nothing_is_left():
    database = Database(False)
    with pytest.raises(PreparationError, match="'event_time': this server has no time series"):
        prepared(database, **SERIES)
    assert database.collections == {}
    there = Database(iot_stream={"name": "iot_stream", "type": "collection", "options": {}})
    with pytest.raises(PreparationError, match="iot_stream is there, and is no time series"):
        prepared(there, **SERIES)


@pytest.mark.parametrize(
    ("properties", "made"),
    [
        ({"topics": "predictions"}, [{"device_id": 1, "made_at": 1}]),
        ({"topics": "global_models"}, []),
        ({"collection__indexes": "[]"}, []),
        ({"collection__indexes": '[{"lap": 1, "event_time": -1}]'}, [{"lap": 1, "event_time": -1}]),
        ({"collection__indexes": [{"lap": 1}]}, [{"lap": 1}]),
    ],
)
def test_indexes_are_derived_or_as_they_are_said(properties, made):
    assert indexes(*config(**properties)) == made


@pytest.mark.parametrize(
    ("paths", "made"),
    [
        ("device_id,forecast.light", [{"device_id": 1, "forecast.light": 1}]),
        ("device_id,forecast", []),
        ("*", []),
        ("device_id,unheard", []),
    ],
)
def test_a_business_key_has_a_unique_index_where_its_fields_are_plain(paths, made):
    told = {
        "topics": "predictions",
        "writemodel__strategy": "ReplaceOneBusinessKeyStrategy",
        "document__id__strategy": "PartialValueStrategy",
        "document__id__strategy__partial__value__projection__type": "AllowList",
        "document__id__strategy__partial__value__projection__list": paths,
    }
    assert prepared(Database(), **told).made == [(keys, True) for keys in made]


def test_what_passes_is_waited_for_and_what_does_not_is_said():
    database = Database()
    for code, error in ((91, ServerNotReadyError), (48, ServerNotReadyError), (85, PreparationError)):
        database.create_index = raising(OperationFailure("no", code))
        with pytest.raises(error):
            prepare(database, *config())
    database = Database()
    database.create_collection = raising(CollectionInvalid("iot_stream is there"))
    with pytest.raises(ServerNotReadyError):
        prepare(database, *config())


def raising(error):
    def call(*_, **__):
        raise error

    return call


def test_leaves_and_derived_indexes_are_read_off_the_schema():
    schema = TOPICS["predictions"].schema
    assert [is_leaf(schema, path) for path in ("device_id", "forecast", "actual.light", "no.such")] == [1, 0, 1, 0]
    assert derived_index(TOPICS["dead_letters"].schema) == {}
