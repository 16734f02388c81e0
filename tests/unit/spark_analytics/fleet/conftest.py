import pytest

from schemas.codec import Codec
from tests.unit.schemas.fake_registry import FakeRegistry


@pytest.fixture(scope="session")
def codec():
    registry = FakeRegistry()
    yield Codec(registry.url)
    registry.close()
