"""A system of a test's own: nothing of it is where a running system's things are."""

from pathlib import Path
from typing import Any

from infra import ports
from infra.settings import Settings


def isolated(home: Path, **changes: Any) -> Settings:
    """Settings with their own home, cache and free ports."""
    chosen = dict(zip(ports.PORTS, ports.free(len(ports.PORTS)), strict=True))
    return Settings(home=home, cache=home / "cache", **chosen, **changes)
