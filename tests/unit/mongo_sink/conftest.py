from collections.abc import Iterator

import pytest

from tests.unit.broker import broker as running


@pytest.fixture
def broker() -> Iterator[str]:
    with running() as bootstrap:
        yield bootstrap
