"""What holds for all tests."""

import os
from collections.abc import Iterator

import pytest

from infra import ports
from tests import mongo_servers

if worker := os.environ.get("PYTEST_XDIST_WORKER"):
    # Each of the processes that share the tests takes its servers' ports from a part of its own: what one has found to
    # be free and not yet listened on, no other finds, too.
    ports.UNASSIGNED = ports.UNASSIGNED[int(worker.removeprefix("gw")) :: int(os.environ["PYTEST_XDIST_WORKER_COUNT"])]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long begins first: at the end no process waits for another that has just begun with it."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


def pytest_configure(config: pytest.Config) -> None:
    # A server more for the sink's tests; no other test, and no system that one starts, has anything to do with it. The
    # process that only hands out the tests leaves it in the environment, which those that run them have from it.
    if config.getoption("dist", "no") == "no":
        os.environ.pop("FEDLOG_MONGO", None)


def pytest_report_header() -> str:
    return mongo_servers.told()


@pytest.fixture(scope="session", params=mongo_servers.at_hand())
def mongo_kind(request: pytest.FixtureRequest) -> str:
    """Each kind of MongoDB server that is at hand."""
    kind: str = request.param
    return kind


@pytest.fixture(scope="session")
def mongo(mongo_kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server of that kind."""
    with mongo_servers.serving(mongo_kind, tmp_path_factory.mktemp("mongo")) as uri:
        yield uri
