"""Which servers the sink's tests run against, and that one which is somebody's is left as it was."""

import os
from types import SimpleNamespace

import pytest
from pymongo import MongoClient

from infra import ready
from infra.services import stand_in
from infra.standalone import isolated
from tests import mongo_servers
from tests.conftest import pytest_configure
from tests.mongo_servers import CONFIGURED, MONGOD, STAND_IN

ADDRESS = "mongodb://me:secret@127.0.0.1:1"


@pytest.fixture
def path(tmp_path, monkeypatch):
    """All that is on the PATH: nothing."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def put_mongod(folder):
    program = folder / "mongod"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)


def test_the_stand_in_is_at_hand_always_the_others_where_they_are(path):
    assert mongo_servers.at_hand("") == [STAND_IN]
    assert mongo_servers.at_hand(ADDRESS) == [STAND_IN, CONFIGURED]
    put_mongod(path)
    assert mongo_servers.at_hand("") == [STAND_IN, MONGOD]
    assert mongo_servers.at_hand(ADDRESS) == [STAND_IN, MONGOD, CONFIGURED]


def test_what_is_not_at_hand_is_one_line(path):
    assert mongo_servers.told("") == ("the sink's MongoDB: stand-in (no mongod on the PATH; FEDLOG_MONGO is not set)")
    put_mongod(path)
    assert mongo_servers.told(ADDRESS) == "the sink's MongoDB: stand-in, mongod, configured"


def test_a_mongod_does_not_take_the_stand_ins_place(path, tmp_path, monkeypatch):
    put_mongod(path)
    monkeypatch.setattr("infra.java.home", lambda settings, minimum: "/jdk")
    settings = isolated(tmp_path / "home")
    argv = mongo_servers.COMMANDS[STAND_IN](settings).argv
    assert argv == stand_in(settings).argv
    assert (argv[0], "dev.fedlog.mongo.EmbeddedMongo" in argv) == ("/jdk/bin/java", True)
    assert mongo_servers.COMMANDS[MONGOD](settings).argv[0] == str(path / "mongod")


def test_what_asks_for_a_server_is_there_for_each(request, mongo_kind):
    same = [item for item in request.session.items if getattr(item, "originalname", "") == request.node.originalname]
    assert sorted(item.callspec.params["mongo_kind"] for item in same) == sorted(mongo_servers.at_hand())
    assert mongo_kind in mongo_servers.at_hand()


@pytest.mark.parametrize(("dist", "left"), [("no", None), ("loadfile", ADDRESS)])
def test_no_other_test_has_the_address_and_those_that_run_in_processes_beside_are_told(monkeypatch, dist, left):
    monkeypatch.setenv("FEDLOG_MONGO", ADDRESS)
    pytest_configure(SimpleNamespace(getoption=lambda name, default: {"dist": dist}.get(name, default)))
    assert os.environ.get("FEDLOG_MONGO") == left


@pytest.mark.integration
def test_on_a_server_that_is_somebodys_only_the_tests_own_databases_go(mongo, tmp_path, monkeypatch):
    monkeypatch.setattr(mongo_servers, "OWN", f"{mongo_servers.OWN}here_")
    with MongoClient(mongo) as client:
        theirs = client["theirs" + mongo_servers.OWN]
        theirs.kept.insert_one({"_id": 1})
        with mongo_servers.serving(CONFIGURED, tmp_path, mongo) as uri:
            assert uri == mongo
            own = client[mongo_servers.database("a")]
            own.gone.insert_one({"_id": 1})
            assert own.name in client.list_database_names()
        left = client.list_database_names()
        assert theirs.name in left
        assert own.name not in left
        client.drop_database(theirs)


def test_a_server_that_does_not_answer_is_an_error_that_tells_no_password(tmp_path, monkeypatch):
    monkeypatch.setattr(ready, "PATIENCE", 0.1)
    with pytest.raises(AssertionError) as told, mongo_servers.serving(CONFIGURED, tmp_path, ADDRESS):
        pass
    assert str(told.value) == "the server at FEDLOG_MONGO does not answer"
