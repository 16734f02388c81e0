import re

import pytest

from mongo_sink import views
from mongo_sink.comparison import digests
from mongo_sink.config import ConfigError
from mongo_sink.connector_files import CONNECTORS, load

MONGO = {"connection.uri": "mongodb://127.0.0.1:9", "database": "test"}


@pytest.fixture
def connectors(tmp_path):
    given = {
        "MongoSinkConnector": MONGO,
        "RollUpSinkConnector": MONGO,
        "ModelFileSinkConnector": {"models.directory": str(tmp_path)},
    }
    return load(CONNECTORS, given)


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


@pytest.mark.parametrize(
    "name", [".", "..", "", "local", "Global", "admin", "config", "a/b", "../x", "/tmp/x", "a.b", "-a", "ä", "a" * 62]
)
def test_a_view_beside_the_sinks_has_a_name_of_its_own(connectors, name):
    with pytest.raises(ConfigError, match=f"^{re.escape(repr(name))} is no name of a view: "):
        views.into(connectors, name)


def test_the_views_beside_the_sinks_are_elsewhere(connectors, tmp_path):
    moved = views.into(connectors, "then-2_b")
    assert {each.get("database", each.get("models.directory")) for each in moved} == {
        "then-2_b",
        str(tmp_path / "then-2_b"),
    }
    with pytest.raises(ConfigError, match="'test' is the database that champion keeps"):
        views.into(connectors, "test")


def test_what_is_deleted_of_model_files_is_what_is_compared(connectors, tmp_path):
    (files,) = views.of_view(connectors, "models")
    for path in ("local/mote-07", "global/v000001", "local/local/mote-07", "other"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / f"{path}.safetensors").write_bytes(b"1")
    assert digests(files)["model files"].documents == 2
    views.clear(files)
    assert digests(files)["model files"].documents == 0
    left = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.safetensors"))
    assert left == ["local/local/mote-07.safetensors", "other.safetensors"]
