import json

import pytest

from mongo_sink.config import ConfigError, MongoConfig
from mongo_sink.connector_files import CONNECTORS, load

GIVEN = {
    "MongoSinkConnector": {"connection.uri": "mongodb://127.0.0.1", "database": "fedlog"},
    "RollUpSinkConnector": {"connection.uri": "mongodb://127.0.0.1", "database": "fedlog"},
    "ModelFileSinkConnector": {"models.directory": "var/models"},
}
PLAIN = {
    "name": "plain",
    "connector.class": "MongoSinkConnector",
    "topics": "iot_stream, predictions",
    "connection.uri": "mongodb://127.0.0.1",
    "database": "fedlog",
}


def test_the_projects_connectors_write_every_topic_where_the_architecture_says():
    connectors = load(CONNECTORS, GIVEN)
    configs = [MongoConfig.of(each) for each in connectors if each["connector.class"] == "MongoSinkConnector"]
    written = {topic: own.collection for config in configs for topic, own in config.by_topic.items()}
    assert written == {
        "iot_stream": "sensor_readings",
        "local_updates": "local_models",
        "global_models": "global_model",
        "model_commands": "model_commands",
        "predictions": "predictions",
        "dead_letters": "dead_letters",
        "fleet_analytics": "fleet_analytics",
    }
    assert len({config.group for config in configs}) == len(configs)


def test_an_override_holds_for_its_topic_only():
    config = MongoConfig.of(PLAIN | {"collection": "all", "topic.override.predictions.collection": "some"})
    assert config.topics == ("iot_stream", "predictions")
    assert {topic: own.collection for topic, own in config.by_topic.items()} == {
        "iot_stream": "all",
        "predictions": "some",
    }


def test_numbers_may_be_text_and_classes_may_carry_mongodbs_package():
    package = "com.mongodb.kafka.connect.sink.writemodel.strategy."
    config = MongoConfig.of(
        PLAIN | {"max.batch.size": "17", "writemodel.strategy": package + "InsertOneDefaultStrategy"}
    )
    assert config.max_batch_size == 17
    assert config.by_topic["iot_stream"].write_model == "InsertOneDefaultStrategy"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"max.batch.size": -1}, "plain: max.batch.size is -1: Input should be greater than or equal to 0"),
        ({"connection.uri": "localhost"}, "plain: connection.uri is 'localhost': String should match pattern"),
        ({"errors.tolerance": "some"}, "plain: errors.tolerance is 'some': Input should be 'none' or 'all'"),
        ({"max.rate": 5}, "plain: max.rate is not a property that it knows"),
        ({"topics": "iot_steam"}, "plain: topics names 'iot_steam', which has no schema here"),
        ({"topic.override.global_models.collection": "x"}, "plain: topic.override.global_models.collection overrides"),
        ({"topic.override.iot_stream.database": "x"}, "iot_stream.database is not supported: a connector has one"),
        ({"topic.override.iot_stream.max.rate": 5}, "plain: by_topic.iot_stream.max.rate is not a property"),
        ({"writemodel.strategy": "DeleteOne"}, "plain: writemodel.strategy 'DeleteOne' is none of InsertOneDefault"),
        ({"writemodel.strategy": "ReplaceOneGreaterStrategy"}, "needs writemodel.strategy.value.field"),
        ({"document.id.strategy.value.field": "epoch"}, "'BsonOidStrategy' takes no document.id.strategy.value.field"),
        (
            {"document.id.strategy": "ValueFieldStrategy", "document.id.strategy.value.field": "epoch"},
            "plain: predictions has no field 'epoch'",
        ),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(change, sentence):
    with pytest.raises(ConfigError) as error:
        MongoConfig.of(PLAIN | change)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("key", ["name", "connection.uri", "database", "topics"])
def test_what_is_missing_is_named(key):
    with pytest.raises(ConfigError, match=f"{key} is missing"):
        MongoConfig.of({name: value for name, value in PLAIN.items() if name != key})


def test_the_command_line_goes_before_the_file(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(PLAIN | {"database": "file"}))
    assert load(tmp_path, GIVEN)[0]["database"] == "fedlog"
    assert load(tmp_path, {})[0]["database"] == "file"


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({}, "holds no connector"),
        ({"a": "{"}, "a.json is not JSON"),
        ({"a": "[]"}, "a.json is not a JSON object"),
        ({"a": json.dumps(PLAIN), "b": json.dumps(PLAIN)}, "b.json: another connector is called 'plain' already"),
        ({"a": json.dumps(PLAIN | {"connector.class": "S3Sink"})}, "a.json: connector.class 'S3Sink' is none of"),
    ],
)
def test_a_folder_of_connectors_that_cannot_be(tmp_path, files, sentence):
    for name, text in files.items():
        (tmp_path / f"{name}.json").write_text(text)
    with pytest.raises(ConfigError, match=sentence):
        load(tmp_path, {})


OTHER = PLAIN | {"name": "other"}
FILES = {"name": "files", "connector.class": "ModelFileSinkConnector", "topics": "local_updates"}
ROLL_UPS = {**PLAIN, "name": "sums", "connector.class": "RollUpSinkConnector", "topics": "predictions"}


def loaded(folder, *connectors):
    for number, properties in enumerate(connectors):
        (folder / f"{number}.json").write_text(json.dumps(properties))
    return [each["name"] for each in load(folder, {})]


@pytest.mark.parametrize(
    ("one", "other", "place"),
    [
        (PLAIN, OTHER | {"topics": "predictions"}, "collection predictions of database fedlog"),
        (PLAIN | {"collection": "all"}, OTHER | {"topics": "global_models", "collection": "all"}, "collection all of"),
        (PLAIN, OTHER | {"topics": "global_models", "topic.override.global_models.collection": "iot_stream"}, "iot_s"),
        (PLAIN, OTHER | {"topics": "", "topics.regex": "pred.*"}, "collection predictions of"),
        (PLAIN, OTHER | {"connection.uri": "mongodb://me:pw@127.0.0.1/?w=1"}, "collection iot_stream of"),
        (ROLL_UPS, OTHER | {"topics": "iot_stream", "collection": "forecast_errors_daily"}, "forecast_errors_daily of"),
        (FILES | {"models.directory": "m"}, FILES | {"name": "other", "models.directory": "./m/x/.."}, "folder /"),
    ],
)
def test_two_connectors_that_would_delete_each_others_work_are_refused(tmp_path, one, other, place):
    with pytest.raises(ConfigError, match=f"^{one['name']} and other both write to .*{place}") as error:
        loaded(tmp_path, one, other)
    assert "\n" not in str(error.value)
    assert "pw" not in str(error.value)


def test_connectors_that_do_not_meet_are_taken(tmp_path):
    others = [
        OTHER | {"database": "another"},
        OTHER | {"name": "server", "connection.uri": "mongodb://elsewhere"},
        OTHER | {"name": "renamed", "collection": "both topics in one"},
        ROLL_UPS,
        FILES | {"models.directory": "a"},
        FILES | {"name": "more", "models.directory": "b"},
    ]
    assert loaded(tmp_path, PLAIN, *others) == ["plain", *(each["name"] for each in others)]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [({"topics": "iot_stream"}, "carry no weights"), ({"tasks.max": 2}, "tasks.max must be 1")],
)
def test_model_files_are_of_topics_with_weights_and_one_task(tmp_path, change, sentence):
    files = {"name": "files", "connector.class": "ModelFileSinkConnector", "topics": "local_updates"} | change
    (tmp_path / "a.json").write_text(json.dumps(files))
    with pytest.raises(ConfigError, match=sentence):
        load(tmp_path, GIVEN)
