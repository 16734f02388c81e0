"""A stranger's path: a clean clone with nothing installed, from `make up` to `make down`, each step timed."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra import ports
from infra.settings import HOST, ROOT, Settings
from infra.standalone import isolated
from infra.superset.check import chart_rows
from tests.e2e.browser import artifacts
from tests.e2e.system import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]

UP_S, STEP_S = 1200, 300
"""For these it is a failure to take longer; how long they took is shown, and kept beside the screenshots."""


class Stranger:
    """Somebody in a clone of their own, who has set nothing but ports that are free."""

    def __init__(self, clone: Path) -> None:
        self.clone = clone
        self.seconds: dict[str, float] = {}
        self.settings = isolated(clone / "var")
        own = {name: value for name, value in os.environ.items() if not name.startswith(("FEDLOG_", "MAKE", "JAX_"))}
        free = {name: value for name, value in self.settings.exported().items() if name.endswith("_PORT")}
        self.environment = {**own, **free, "NO_COLOR": "1"}

    @property
    def superset(self) -> str:
        return f"http://{HOST}:{self.settings.superset_port}"

    def run(self, *argv: str, seconds: float = STEP_S) -> str:
        """What a command says, that must succeed."""
        started = time.monotonic()
        done = subprocess.run(
            argv,
            cwd=self.clone,
            env=self.environment,
            timeout=seconds,
            capture_output=True,
            text=True,
            check=False,
        )
        self.seconds[" ".join(argv)] = round(time.monotonic() - started, 1)
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
        return done.stdout


@pytest.fixture
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stranger]:
    if subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, check=False).returncode:
        pytest.skip("this is no checkout that could be cloned")
    clone = tmp_path_factory.mktemp("stranger") / "fedlog"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
    stranger = Stranger(clone)
    try:
        yield stranger
    finally:
        subprocess.run(["make", "down"], cwd=clone, env=stranger.environment, check=False)
        shutil.rmtree(clone)


def test_a_stranger_gets_from_a_clone_to_dashboards_and_back(stranger: Stranger):
    assert not (stranger.clone / "build").exists()
    up = stranger.run("make", "up", "DATA=synthetic", seconds=UP_S)
    assert stranger.superset in up

    started = time.monotonic()
    password = (stranger.clone / "var" / "superset" / "admin_password").read_text()

    def shown() -> dict[str, int]:
        return chart_rows(stranger.superset, "admin", password, "fleet-now")

    eventually(lambda: shown()["Devices: newest reading learned from"], STEP_S, "devices on the dashboard", 5)
    stranger.seconds["devices on the dashboard, after that"] = round(time.monotonic() - started, 1)
    eventually(lambda: shown()["Versions of the last three hours"], STEP_S, "versions on the dashboard", 5)
    stranger.seconds["versions on the dashboard, after that"] = round(time.monotonic() - started, 1)

    assert "version=1," in stranger.run("make", "models")
    tail = stranger.run("make", "tail", "TOPIC=predictions", "LAST=5", "FOLLOW=no")
    assert {json.loads(line)["source"] for line in tail.splitlines()} <= {"local", "stream"}
    assert stranger.run("make", "replay")
    assert stranger.run("make", "down")
    assert ports.taken(stranger.settings) == []
    told = json.dumps(stranger.seconds, indent=2)
    print(told)
    folder = artifacts(Settings())
    folder.mkdir(parents=True, exist_ok=True)
    (folder.parent / "stranger.json").write_text(told + "\n")
