"""A system that runs for as long as some tests need it, and what its logs said."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from infra.settings import Settings
from tests.e2e.system import System

UP_S = 1200
"""For these it is a failure to take longer, though everything has to be installed."""


@contextmanager
def running(system: System) -> Iterator[System]:
    """`make up`, and after the tests `make down`; nothing of it stays."""
    settings = system.settings
    told = [
        f"{name.upper()}={value}" for name in ("data", "speed") if (value := getattr(settings, name)) != usual(name)
    ]
    try:
        done = system.make("up", *told, timeout=UP_S)
        print(done.stdout[-4000:], done.stderr[-4000:])
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"http://127.0.0.1:{settings.superset_port}" in done.stdout
        yield system
    finally:
        for log in sorted((settings.home / "logs").glob("*.log")):
            print(f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}")
        system.make("down")
        shutil.rmtree(settings.home, ignore_errors=True)


def usual(name: str) -> object:
    """A setting's default."""
    return Settings.model_fields[name].default
