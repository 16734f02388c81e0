"""Whether there is disk for what is still to be installed, and for data. Standard library only, like the preflight."""

import os
import shutil
from pathlib import Path
from typing import NamedTuple

DATA_MIB = 2048
"""That a system fills in its first hours."""


class Part(NamedTuple):
    """What is installed on its own takes, measured, MiB.

    Attributes:
        here: in the build folder.
        cached: in the caches of uv and Maven, which lie in the person's home.
        both: all together on one filesystem, where uv links files and does not copy them.
    """

    here: int
    cached: int
    both: int


PARTS = {
    "env/core": Part(1740, 1470, 1820),
    "env/spark": Part(1610, 2200, 2360),
    "env/superset": Part(800, 630, 760),
    "jars": Part(270, 375, 645),
}
"""By folder; the Makefile leaves a mark in what is whole."""


def complaints(build: Path, home: Path, caches: Path) -> "list[str]":
    """One sentence for each filesystem with too little room for what has no mark yet, and for data."""
    missing = [part for folder, part in PARTS.items() if not (build / folder / ".installed").exists()]
    if _device(build) == _device(caches):
        wanted = [(build, sum(part.both for part in missing))]
    else:
        wanted = [(build, sum(part.here for part in missing)), (caches, sum(part.cached for part in missing))]
    needed = {}  # type: dict[int, tuple[Path, int]]
    for folder, mib in [*wanted, (home, DATA_MIB)]:
        if mib:
            named, before = needed.get(_device(folder), (folder, 0))
            needed[_device(folder)] = named, before + mib
    found = []
    for folder, mib in needed.values():
        free = shutil.disk_usage(_existing(folder)).free / 2**30
        if free < mib / 1024:
            found.append(
                f"{mib / 1024:.1f} GiB of disk are needed and {free:.1f} GiB are free at {folder}: make room, "
                "or name folders elsewhere with FEDLOG_BUILD and FEDLOG_HOME."
            )
    return found


def _existing(folder: Path) -> Path:
    """The folder, or the nearest above it that exists."""
    return next(each for each in (folder, *folder.parents) if each.exists())


def _device(folder: Path) -> int:
    return os.stat(_existing(folder)).st_dev
