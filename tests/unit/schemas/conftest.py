import pytest

from schemas.codec import Codec
from tests.unit.schemas.fake_registry import FakeRegistry


@pytest.fixture(scope="session")
def shared_registry():
    registry = FakeRegistry()
    yield registry
    registry.close()


@pytest.fixture(scope="session")
def codec(shared_registry) -> Codec:
    return Codec(shared_registry.url)


@pytest.fixture
def registry():
    """One of its own for a test that breaks it."""
    registry = FakeRegistry()
    yield registry
    registry.close()
