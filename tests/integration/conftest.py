"""Real servers for the tests: on free ports, in temporary folders, started once and ended with the session."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from confluent_kafka.admin import AdminClient

from infra import contracts
from infra.settings import Settings
from infra.standalone import isolated, serving
from schemas.topics import TOPICS
from tests.integration.sinks import Sink, Writer


class Log(NamedTuple):
    """A log of the test's own: every topic empty, every schema registered."""

    bootstrap: str
    registry: str


@pytest.fixture(scope="package", autouse=True)
def compiled_fast() -> Iterator[None]:
    """What lives for a minute does not earn what a JVM's compiler costs whose code is faster.

    Whole systems, whose tests may be run by the same process, are as they are for everybody.
    """
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1")
        yield


@pytest.fixture(scope="session")
def log_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    settings = isolated(tmp_path_factory.mktemp("log"))
    with serving(settings, "kafka", "registry"):
        yield settings


def emptied(log_servers: Settings) -> Log:
    """The servers' log without any record."""
    admin = AdminClient({"bootstrap.servers": log_servers.bootstrap})
    present = [name for name in admin.list_topics(timeout=10).topics if name in TOPICS]
    for deleted in (admin.delete_topics(present) if present else {}).values():
        deleted.result()
    deadline = time.monotonic() + 30
    while any(name in TOPICS for name in admin.list_topics(timeout=10).topics):
        assert time.monotonic() < deadline, "old topics do not go away"
        time.sleep(0.2)
    contracts.establish(log_servers)
    return Log(log_servers.bootstrap, log_servers.registry)


@pytest.fixture
def log(log_servers: Settings) -> Log:
    return emptied(log_servers)


@pytest.fixture(scope="session")
def kcat() -> str:
    found = shutil.which("kcat")
    if not found:
        pytest.skip("kcat is not installed")
    return found


@pytest.fixture
def sink(log: Log, mongo: str, tmp_path: Path) -> Iterator[Sink]:
    made = Sink(log, mongo, tmp_path)
    yield made
    made.database.client.drop_database(made.database.name)


@pytest.fixture
def writer(log: Log) -> Writer:
    return Writer(log)
