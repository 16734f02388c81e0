from collections.abc import Iterator

import pytest

from infra.standalone import isolated, serving
from tests.unit.broker import broker as running


@pytest.fixture(scope="session")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    settings = isolated(tmp_path_factory.mktemp("stand-in"))
    with serving(settings, "mongo"):
        yield settings.mongo_uri


@pytest.fixture
def broker() -> Iterator[str]:
    with running() as bootstrap:
        yield bootstrap
