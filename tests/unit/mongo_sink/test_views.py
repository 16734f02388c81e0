import pytest

from mongo_sink import config, views
from mongo_sink.config import CONNECTORS, ConfigError

MONGO = {"connection.uri": "mongodb://127.0.0.1:9", "database": "test"}


@pytest.fixture
def connectors(tmp_path):
    given = {
        "MongoSinkConnector": MONGO,
        "RollUpSinkConnector": MONGO,
        "ModelFileSinkConnector": {"models.directory": str(tmp_path)},
    }
    return config.load(CONNECTORS, given)


def names(connectors):
    return {each["name"] for each in connectors}


def test_a_view_is_that_of_a_kind_or_of_a_connector(connectors):
    every = {path.stem.replace("_", "-") for path in CONNECTORS.glob("*.json")}
    assert names(views.of_view(connectors, "all")) == every
    assert names(views.of_view(connectors, "models")) == {"model-files"}  # and not the connector of that name
    assert names(views.of_view(connectors, "mongo")) == every - {"model-files"}
    assert names(views.of_view(connectors, "champion")) == {"champion"}


def test_what_is_no_view_is_refused_with_those_that_are(connectors):
    with pytest.raises(ConfigError, match="'champions' is no view: one of mongo, models, all, champion, "):
        views.of_view(connectors, "champions")


def test_views_of_two_databases_that_would_meet_in_one_are_refused(connectors):
    there = next(each for each in connectors if each["name"] == "champion")
    both = [there, {**there, "name": "also", "database": "another"}]
    with pytest.raises(ConfigError, match="champion and also both write to collection champion of database then"):
        views.into(both, "then")
    assert names(views.into(connectors, "then")) == names(connectors)
