"""A system that runs for as long as some tests need it, and what its logs said."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from infra.settings import Settings
from tests.e2e.system import System


@contextmanager
def running(settings: Settings) -> Iterator[System]:
    """`make up`, and after the tests `make down`; nothing of it stays."""
    system = System(settings)
    try:
        done = system.make("up", f"DATA={settings.data}", f"SPEED={settings.speed}", timeout=900)
        print(done.stdout[-4000:], done.stderr[-4000:])
        assert done.returncode == 0, done.stdout + done.stderr
        yield system
    finally:
        for log in sorted((settings.home / "logs").glob("*.log")):
            print(f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}")
        system.make("down")
        shutil.rmtree(settings.home, ignore_errors=True)
