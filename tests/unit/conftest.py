"""How unit tests run: a machine that is busy beside fails none, and XLA compiles no longer than they take."""

import os
from collections.abc import Iterator

import jax
import pytest
from hypothesis import settings

# Speed is measured in ``benchmarks``.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(autouse=True, scope="session")
def gives_way() -> None:
    """A whole system that is tested beside has the clock to keep up with, and nothing here has."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        os.nice(19)


@pytest.fixture(autouse=True, scope="module")
def compiled_fast(request: pytest.FixtureRequest) -> Iterator[None]:
    """Most programs run for milliseconds here, and XLA's optimizations take seconds of each."""
    fast = request.node.get_closest_marker("computes") is None
    before = jax.config.values["jax_disable_most_optimizations"]
    jax.config.update("jax_disable_most_optimizations", fast)
    yield
    jax.config.update("jax_disable_most_optimizations", before)
