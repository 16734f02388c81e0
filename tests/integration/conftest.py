"""Real servers for the tests: on free ports, in temporary folders, started once and ended with the session."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import pytest
from confluent_kafka.admin import AdminClient

from infra import contracts
from infra.services import services
from infra.settings import ROOT, Settings
from schemas.topics import TOPICS
from tests.isolation import isolated

START_S = 90


@contextmanager
def serving(settings: Settings, *names: str) -> Iterator[None]:
    """Run some services as plain processes until all answer, and end them afterwards."""
    logs = settings.home / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    started = []
    try:
        for name in names:
            with (logs / f"{name}.log").open("w") as log:
                argv = [sys.executable, "-m", "infra", "launch", name]
                environment = {**os.environ, **settings.exported()}
                started.append(subprocess.Popen(argv, cwd=ROOT, env=environment, stdout=log, stderr=log))
        deadline = time.monotonic() + START_S
        for name, process in zip(names, started, strict=True):
            while not services(settings)[name].healthy(settings):
                text = (logs / f"{name}.log").read_text()[-2000:]
                assert process.poll() is None, f"{name} ended while starting: {text}"
                assert time.monotonic() < deadline, f"{name} did not answer within {START_S} s: {text}"
                time.sleep(0.3)
        yield
    finally:
        for process in reversed(started):
            process.terminate()
        for process in reversed(started):
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


class Log(NamedTuple):
    """A log of the test's own: every topic empty, every schema registered."""

    bootstrap: str
    registry: str


@pytest.fixture(scope="session")
def log_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    settings = isolated(tmp_path_factory.mktemp("log"))
    with serving(settings, "kafka", "registry"):
        yield settings


@pytest.fixture
def log(log_servers: Settings) -> Log:
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


@pytest.fixture(scope="session")
def mongo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    settings = isolated(tmp_path_factory.mktemp("mongo"))
    with serving(settings, "mongo"):
        yield settings.mongo_uri


@pytest.fixture(scope="session")
def kcat() -> str:
    found = shutil.which("kcat")
    if not found:
        pytest.skip("kcat is not installed")
    return found
