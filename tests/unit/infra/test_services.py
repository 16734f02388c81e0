"""What runs, in which order, and where it listens."""

import pytest

from infra import java, secrets, status
from infra.flink import configure
from infra.services import services
from infra.settings import ROOT, Settings
from infra.standalone import isolated
from schemas.topics import TOPICS

ALL = services(Settings(home=ROOT / "var"))


def test_what_a_service_needs_exists_and_never_needs_it_back():
    def behind(name, seen=()):
        assert name not in seen, f"{name} waits for itself"
        for needed in ALL[name].needs:
            behind(needed, (*seen, name))

    for name in ALL:
        behind(name)


def test_everything_listens_on_loopback_only(tmp_path):
    settings = Settings(home=tmp_path)
    for service in services(settings).values():
        address = service.address(settings)
        assert not address or "127.0.0.1" in address
        words = " ".join(service.command(settings).argv)
        assert "0.0.0.0" not in words  # noqa: S104
    written = [path.read_text() for path in tmp_path.rglob("*") if path.suffix in (".yaml", ".properties")]
    assert written
    assert all("0.0.0.0" not in text for text in written)  # noqa: S104


def test_no_secret_is_on_a_command_line(tmp_path):
    settings = Settings(home=tmp_path)
    command = services(settings)["superset"].command(settings)
    secret = command.environment["FEDLOG_SUPERSET_SECRET_KEY"]
    assert len(secret) >= 32
    assert not any(secret in word for word in command.argv)
    assert (tmp_path / "superset" / "secret_key").stat().st_mode & 0o077 == 0
    assert secrets.kept(tmp_path / "superset" / "secret_key") == secret


def test_a_mongodb_that_runs_elsewhere_is_not_started(tmp_path, monkeypatch):
    monkeypatch.setenv("FEDLOG_MONGO", "mongodb://127.0.0.1:1")
    settings = Settings()
    assert "mongo" not in services(settings)
    assert settings.mongo_uri == "mongodb://127.0.0.1:1"
    beside = isolated(tmp_path)
    assert "mongo" in services(beside), "a system beside it leaves that alone: a test's, a benchmark's"
    assert beside.mongo_uri == f"mongodb://127.0.0.1:{beside.mongo_port}"
    monkeypatch.setenv("FEDLOG_MONGO", beside.exported()["FEDLOG_MONGO"])
    assert "mongo" in services(Settings()), "nor do the processes that it starts"


def test_a_mongod_on_the_path_is_what_is_started_on_loopback_and_in_this_home(machine, tmp_path):
    settings = Settings(home=tmp_path / "home", mongo_port=27018)
    assert "dev.fedlog.mongo.EmbeddedMongo" in services(settings)["mongo"].command(settings).argv
    machine.has("mongod")
    argv = services(settings)["mongo"].command(settings).argv
    data = tmp_path / "home" / "mongo"
    assert argv == [str(machine.bin / "mongod"), "--dbpath", str(data), "--bind_ip", "127.0.0.1", "--port", "27018"]
    assert data.is_dir(), "mongod makes no folder itself"


def test_a_registry_that_runs_elsewhere_is_not_started_and_is_the_one_that_stages_ask(tmp_path, monkeypatch):
    everything = services(Settings(home=tmp_path)).keys()
    monkeypatch.setenv("FEDLOG_REGISTRY_URL", "http://127.0.0.1:1/registry")
    settings = Settings(home=tmp_path)
    assert services(settings).keys() == everything - {"registry"}
    for name in ("aggregator", "spark", "sink", "producer"):
        argv = services(settings)[name].command(settings).argv
        assert argv[argv.index("--registry") + 1] == "http://127.0.0.1:1/registry"
    assert "registry" in services(isolated(tmp_path)), "a system beside it has a log, and so a registry, of its own"


def test_the_aggregator_sums_up_itself_unless_there_are_workers(tmp_path):
    assert not [name for name in ALL if "worker" in name]
    alone, shared = (services(Settings(home=tmp_path, aggregator_workers=n)) for n in (0, 2))
    assert shared.keys() - alone.keys() == {"aggregator-worker-1", "aggregator-worker-2"}
    argvs = [
        some["aggregator"].command(Settings(home=tmp_path, aggregator_workers=n)).argv
        for n, some in ((0, alone), (2, shared))
    ]
    assert ["--workers" in argv for argv in argvs] == [False, True]
    folders = [shared[f"aggregator-worker-{n}"].command(Settings(home=tmp_path)).argv[-1] for n in (1, 2)]
    assert len(set(folders)) == 2


def test_services_can_be_left_out():
    assert services(Settings(without="superset,producer")).keys() == ALL.keys() - {"superset", "producer"}


def test_a_replay_at_a_pace_begins_when_there_is_training():
    assert "flink-training" in services(Settings(speed="120"))["producer"].needs
    assert "flink-training" not in services(Settings(speed="max"))["producer"].needs


def test_a_server_gets_a_java_that_suits_it_or_a_clear_error():
    settings = Settings()
    for minimum in (java.KAFKA, java.REGISTRY):
        assert java.version(java.home(settings, minimum)) >= minimum
    with pytest.raises(java.NoJavaError, match="install a JDK 99"):
        java.home(settings, 99)


def test_flinks_configuration_does_not_depend_on_when_it_is_written(tmp_path):
    settings = Settings(home=tmp_path)
    first = (configure(settings) / "config.yaml").read_text()
    assert (configure(settings) / "config.yaml").read_text() == first


def test_status_says_what_is_down_where_nothing_runs(tmp_path):
    settings = Settings(home=tmp_path, kafka_port=1, mongo_port=1)
    found = status.status(settings)
    assert {row["name"] for row in found["services"]} == ALL.keys()
    assert {row["state"] for row in found["services"]} == {"down"}
    assert set(found["topics"]) == set(TOPICS)
    assert all(topic == {"events": None} for topic in found["topics"].values())
    assert found["global_model"] is None
    assert set(found["mongo"].values()) == {None}
