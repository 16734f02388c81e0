"""A whole system: in a clean clone in which nothing is installed, synthetic data at the default speed."""

import json
import shutil
import subprocess
import time
from collections.abc import Iterator

import pytest

from infra.settings import ROOT, Settings
from infra.standalone import isolated
from tests.e2e.browser import artifacts
from tests.e2e.running import running
from tests.e2e.system import System


class Noted(dict[str, float]):
    """How long the steps of somebody new took (s), kept beside the screenshots."""

    def __setitem__(self, step: str, seconds: float) -> None:
        super().__setitem__(step, round(seconds, 1))
        folder = artifacts(Settings()).parent
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "newcomer.json").write_text(json.dumps(self, indent=2) + "\n")


@pytest.fixture(scope="module")
def noted() -> Noted:
    return Noted()


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory, noted: Noted) -> Iterator[System]:
    if subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, check=False).returncode:
        pytest.skip("this is no checkout that could be cloned")
    clone = tmp_path_factory.mktemp("live") / "fedlog"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
    assert not (clone / "build").exists()
    started = time.monotonic()
    try:
        with running(System(isolated(clone / "var", build=clone / "build", data="synthetic"), clone)) as system:
            noted["make up"] = time.monotonic() - started
            yield system
    finally:
        shutil.rmtree(clone, ignore_errors=True)
