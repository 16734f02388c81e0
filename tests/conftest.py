"""What holds for all tests."""

import os

from infra import ports

if worker := os.environ.get("PYTEST_XDIST_WORKER"):
    # Each of the processes that share the tests takes its servers' ports from a part of its own: what one has found to
    # be free and not yet listened on, no other finds, too.
    ports.UNASSIGNED = ports.UNASSIGNED[int(worker.removeprefix("gw")) :: int(os.environ["PYTEST_XDIST_WORKER_COUNT"])]
