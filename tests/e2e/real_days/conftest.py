"""A whole system: four real days at ten times the default speed, one for all tests of this package."""

from collections.abc import Iterator

import pytest

from infra.settings import ROOT
from infra.standalone import isolated
from tests.e2e.real_days.lab import DATA
from tests.e2e.running import running
from tests.e2e.system import System


@pytest.fixture(scope="package")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    if not DATA.exists():
        pytest.skip(f"the real days are not there: {DATA.relative_to(ROOT.parent)} beside the repository")
    with running(System(isolated(tmp_path_factory.mktemp("real"), data=str(DATA), speed="1200", laps=1))) as system:
        yield system
