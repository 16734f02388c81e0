"""Two whole systems: synthetic data at the default speed, and four real days at ten times that."""

import shutil
from collections.abc import Iterator

import pytest

from infra.settings import ROOT
from infra.standalone import isolated
from tests.e2e.system import System

REAL = ROOT.parent / "shared" / "data" / "intel_lab" / "real_20040304_20040307.txt.gz"


def _running(system: System) -> Iterator[System]:
    try:
        done = system.make("up", timeout=900)
        print(done.stdout[-4000:], done.stderr[-4000:])
        assert done.returncode == 0, done.stdout + done.stderr
        yield system
    finally:
        for log in sorted((system.settings.home / "logs").glob("*.log")):
            print(f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}")
        system.make("down")
        shutil.rmtree(system.settings.home, ignore_errors=True)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    yield from _running(System(isolated(tmp_path_factory.mktemp("live"), data="synthetic")))


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    if not REAL.exists():
        pytest.skip(f"the real days are not there: {REAL.relative_to(ROOT.parent)} beside the repository")
    settings = isolated(tmp_path_factory.mktemp("real"), data=str(REAL), speed="1200", laps=1)
    yield from _running(System(settings))
