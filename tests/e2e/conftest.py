"""A whole system: synthetic data at the default speed."""

from collections.abc import Iterator

import pytest

from infra.standalone import isolated
from tests.e2e.running import running
from tests.e2e.system import System


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with running(isolated(tmp_path_factory.mktemp("live"), data="synthetic")) as system:
        yield system
