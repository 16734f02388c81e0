"""A connector's file as MongoDB's own connector takes it."""

import json

import pytest

from mongo_sink.config import ConfigError, ConnectorConfig, MongoConfig
from mongo_sink.connector_config import A_POLL
from mongo_sink.connector_files import load
from mongo_sink.conversion import chain, id_of
from schemas.topics import TOPICS
from tests.unit.mongo_sink.sink_events import reading, record

SINK = "com.mongodb.kafka.connect.sink."
OFFICIAL = {
    "name": "official",
    "connector.class": "com.mongodb.kafka.connect.MongoSinkConnector",
    "tasks.max": "2",
    "topics": "iot_stream,local_updates",
    "connection.uri": "mongodb://127.0.0.1",
    "database": "fedlog",
    "key.converter": "org.apache.kafka.connect.storage.StringConverter",
    "value.converter": "io.confluent.connect.avro.AvroConverter",
    "value.converter.schema.registry.url": "http://127.0.0.1:8081/apis/ccompat/v7",
    "transforms": "key",
    "transforms.key.type": "org.apache.kafka.connect.transforms.HoistField$Key",
    "transforms.key.field": "device",
    "document.id.strategy": SINK + "processor.id.strategy.PartialValueStrategy",
    "document.id.strategy.partial.value.projection.type": "AllowList",
    "document.id.strategy.partial.value.projection.list": "device_id",
    "topic.override.local_updates.document.id.strategy": SINK + "processor.id.strategy.FullKeyStrategy",
    "topic.override.local_updates.delete.on.null.values": "true",
    "topic.override.local_updates.collection": "models",
    "post.processor.chain": f"{SINK}processor.DocumentIdAdder, {SINK}processor.KafkaMetaAdder",
    "writemodel.strategy": SINK + "writemodel.strategy.UpdateOneTimestampsStrategy",
    "delete.writemodel.strategy": SINK + "writemodel.strategy.DeleteOneDefaultStrategy",
    "namespace.mapper": SINK + "namespace.mapping.DefaultNamespaceMapper",
    "change.data.capture.handler": "",
    "key.projection.type": "none",
    "max.batch.size": "0",
    "bulk.write.ordered": "false",
    "rate.limiting.timeout": "100",
    "rate.limiting.every.n": "3",
    "max.num.retries": "3",
    "retries.defer.timeout": "5000",
    "errors.tolerance": "all",
    "mongo.errors.tolerance": "data",
    "errors.log.enable": "true",
    "errors.deadletterqueue.topic.name": "dead_letters",
    "errors.deadletterqueue.topic.replication.factor": "1",
    "errors.deadletterqueue.context.headers.enable": "true",
}
PLAIN = {key: OFFICIAL[key] for key in ("name", "connector.class", "topics", "connection.uri", "database")}


def test_a_file_of_the_originals_is_taken_as_it_is():
    config = MongoConfig.of(OFFICIAL)
    readings, updates = config.by_topic["iot_stream"], config.by_topic["local_updates"]
    assert (config.tasks, config.max_batch_size) == (2, A_POLL)
    assert (config.context_headers, config.logs_details) == (True, True)
    assert (readings.collection, updates.collection) == ("iot_stream", "models")
    assert (readings.rate_timeout_ms, readings.rate_every, readings.ordered) == (100, 3, False)
    assert (config.deletes("iot_stream"), config.deletes("local_updates")) == (False, True)
    made = record(reading(), 3)
    assert chain(readings)({"device_id": "mote-07"}, made.origin) == {
        "device_id": "mote-07",
        "_id": {"device_id": "mote-07"},
        "topic-partition-offset": "iot_stream-0-3",
        "CREATE_TIME": made.origin.timestamp,
    }
    assert id_of(updates)({}, made.origin) == {"device": "mote-07"}


def test_the_defaults_are_the_originals():
    own = MongoConfig.of(PLAIN).by_topic["iot_stream"]
    assert (own.id_strategy, own.strategy_name) == ("BsonOidStrategy", "ReplaceOneDefaultStrategy")
    assert (own.processors, own.ordered, own.collection) == (("DocumentIdAdder",), True, "iot_stream")
    series = MongoConfig.of(PLAIN | {"timeseries.timefield": "event_time"}).by_topic["iot_stream"]
    assert series.strategy_name == "InsertOneDefaultStrategy"


def test_an_id_without_a_projection_of_its_own_takes_the_values():
    told = {"document.id.strategy": "PartialValueStrategy", "value.projection.list": "device_id"}
    own = MongoConfig.of(PLAIN | told | {"value.projection.type": "whitelist"}).by_topic["iot_stream"]
    assert id_of(own)({"device_id": "a", "lap": 0}, record(reading()).origin) == {"device_id": "a"}


def test_topics_may_be_said_by_a_regular_expression_of_their_whole_names():
    told = PLAIN | {"topics.regex": "(local|global)_.*", "topic.override.global_models.collection": "x"}
    config = MongoConfig.of({key: value for key, value in told.items() if key != "topics"})
    assert config.topics == ("local_updates", "global_models")
    assert config.by_topic["global_models"].collection == "x"
    assert ConnectorConfig.of(told | {"topics": "", "topics.regex": ".*"}).topics == tuple(TOPICS)


def test_the_form_that_kafka_connects_rest_api_takes_is_taken_too(tmp_path, caplog):
    own = {key: value for key, value in OFFICIAL.items() if key != "name"}
    (tmp_path / "a.json").write_text(json.dumps({"name": "rest", "config": own}))
    (properties,) = load(tmp_path, {})
    assert MongoConfig.of(properties).name == "rest"
    assert "rest: max.num.retries has no effect: a server that is away is waited for" in caplog.text


NOT_SUPPORTED = [
    ({"change.data.capture.handler": "x.MongoDbHandler"}, "change.data.capture.handler is not supported: the topics"),
    ({"namespace.mapper": SINK + "FieldPathNamespaceMapper"}, "namespace.mapper is not supported: a topic has one"),
    ({"namespace.mapper.value.collection.field": "a"}, "namespace.mapper.value.collection.field is not supported"),
    ({"key.projection.type": "AllowList"}, "key.projection.type is not supported: the keys of this log are plain text"),
    ({"post.processor.chain": "AllowListKeyProjector"}, "'AllowListKeyProjector' is not supported: the keys"),
    ({"document.id.strategy": "UuidProvidedInKeyStrategy"}, "'UuidProvidedInKeyStrategy' is not supported"),
    ({"delete.writemodel.strategy": "x.DeleteOneBusinessKeyStrategy"}, "delete.writemodel.strategy is not supported"),
    ({"connection.ssl.truststore": "/x"}, "connection.ssl.truststore is not supported: say it in connection.uri"),
    ({"server.api.version": "1"}, "server.api.version is not supported"),
    ({"consumer.override.fetch.min.bytes": 1}, "consumer.override.fetch.min.bytes is not supported"),
    ({"predicates": "x"}, "predicates is not supported"),
    ({"timeseries.timefield.auto.convert.date.format": "yyyy"}, "auto.convert.date.format is not supported"),
    (
        {"transforms": "a", "transforms.a.type": "x.InsertField$Value", "transforms.a.field": "b"},
        "transforms is not supported but for one HoistField$Key",
    ),
    ({"transforms": "a"}, "transforms is not supported but for one HoistField$Key"),
    ({"topic.override.iot_stream.transforms": "a"}, "iot_stream.transforms is not supported"),
    ({"topic.override.iot_stream.errors.tolerance": "all"}, "a connector has one errors.tolerance"),
]
WRONG = [
    ({"value.converter": "org.apache.kafka.connect.json.JsonConverter"}, "'JsonConverter' cannot read this log"),
    ({"key.converter": "x.AvroConverter"}, "key.converter 'AvroConverter' cannot read this log, whose keys need Str"),
    ({"topics.regex": "iot.*"}, "topics and topics.regex exclude each other"),
    ({"topics": "", "topics.regex": "x"}, "topics.regex 'x' matches none of iot_stream"),
    ({"topics": "", "topics.regex": "("}, "topics.regex '(' is no regular expression"),
    ({"topics": ""}, "topics is []"),
    ({"errors.deadletterqueue.topic.name": "iot_stream"}, "is 'iot_stream', one of its own topics"),
    ({"errors.deadletterqueue.topic.name": "window_parts"}, "is 'window_parts', whose readers take no dead letters"),
    ({"document.id.strategy": "PartialValueStrategy"}, "needs document.id.strategy.partial.value.projection.type"),
    ({"document.id.strategy": "PartialKeyStrategy"}, "partial.key.projection.type and HoistField$Key"),
    ({"document.id.strategy": "ProvidedInKeyStrategy"}, "needs HoistField$Key with field _id"),
    ({"delete.on.null.values": True}, "delete.on.null.values needs a document.id.strategy of the key"),
    ({"post.processor.chain": "Encrypter"}, "post.processor.chain 'Encrypter' is none of DocumentIdAdder"),
    ({"field.renamer.mapping": "["}, "by_topic.iot_stream.field.renamer.mapping is '[': it is not JSON"),
    ({"field.renamer.mapping": '[{"oldName": "value.a"}]'}, "which is not an oldName and a newName"),
    ({"field.renamer.mapping": '[{"oldName": "key.a", "newName": "b"}]'}, "keys are not renamed here"),
    ({"field.renamer.regexp": '[{"regexp": "("}]'}, "which is not a regexp, a pattern and a replace"),
    ({"field.renamer.regexp": '[{"regexp": "(", "pattern": "", "replace": ""}]'}, "unterminated subpattern"),
    ({"field.renamer.regexp": '[{"regexp": "a", "pattern": "a", "replace": "$1"}]'}, "invalid group reference"),
    ({"timeseries.metafield": "device_id"}, "timeseries.timefield is missing"),
    (
        {"timeseries.timefield": "event_time", "writemodel.strategy": "ReplaceOneDefaultStrategy"},
        "'ReplaceOneDefaultStrategy' is not for time series: they take inserts",
    ),
    ({"timeseries.timefield": "event_time", "collection.validator": True}, "collection.validator is not for"),
    ({"rate.limiting.every.n": -1}, "rate.limiting.every.n is -1"),
    ({"value.projection.type": "some"}, "value.projection.type is 'some'"),
    ({"unheard.of": 1}, "official: unheard.of is not a property that it knows"),
]


@pytest.mark.parametrize(("change", "sentence"), NOT_SUPPORTED + WRONG)
def test_what_cannot_be_is_said_in_one_sentence(change, sentence):
    with pytest.raises(ConfigError) as error:
        MongoConfig.of(PLAIN | change)
    assert str(error.value).startswith("official: ")
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("tolerance", "of_mongo", "undecodable", "other"),
    [("none", "", False, False), ("all", "", True, True), ("none", "data", False, True), ("all", "none", True, False)],
)
def test_tolerance_is_of_the_log_and_of_mongodb(tolerance, of_mongo, undecodable, other):
    config = ConnectorConfig.of(PLAIN | {"errors.tolerance": tolerance, "mongo.errors.tolerance": of_mongo})
    assert config.tolerates(undecodable=True) is undecodable
    assert config.tolerates(undecodable=False) is other
