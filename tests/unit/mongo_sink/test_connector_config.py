import json

import pytest

from mongo_sink.config import CONNECTORS, ConfigError, MongoConfig, load

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


@pytest.mark.parametrize(
    ("change", "sentence"),
    [({"topics": "iot_stream"}, "carry no weights"), ({"tasks.max": 2}, "tasks.max must be 1")],
)
def test_model_files_are_of_topics_with_weights_and_one_task(tmp_path, change, sentence):
    files = {"name": "files", "connector.class": "ModelFileSinkConnector", "topics": "local_updates"} | change
    (tmp_path / "a.json").write_text(json.dumps(files))
    with pytest.raises(ConfigError, match=sentence):
        load(tmp_path, GIVEN)
