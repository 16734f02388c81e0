"""What holds for all tests."""

import os

import pytest

from infra import ports

if worker := os.environ.get("PYTEST_XDIST_WORKER"):
    # Each of the processes that share the tests takes its servers' ports from a part of its own: what one has found to
    # be free and not yet listened on, no other finds, too.
    ports.UNASSIGNED = ports.UNASSIGNED[int(worker.removeprefix("gw")) :: int(os.environ["PYTEST_XDIST_WORKER_COUNT"])]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long begins first: at the end no process waits for another that has just begun with it."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)
