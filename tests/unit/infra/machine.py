"""A machine with nothing on its PATH but what a test puts there."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from infra import listening, ports
from infra.settings import ROOT

JAVA_17 = 'openjdk version "17.0.2" 2022-01-18'


class Machine:
    """Its PATH is ``bin``, with a JDK and a Maven; nothing is installed, and nothing has ever run."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.bin = folder, folder / "bin"
        self.build, self.home = folder / "build", folder / "home"
        self.environment = {"FEDLOG_BUILD": str(self.build), "FEDLOG_HOME": str(self.home)}
        self._real = os.environ["PATH"]
        self.has("mvn")
        self.has_jdk(folder)

    def has(self, name: str, says: str = "", where: Path | None = None) -> None:
        """A program that says something to stderr."""
        folder = where or self.bin
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"#!/bin/sh\n{says and f'''echo '{says}' >&2'''}\n")
        (folder / name).chmod(0o755)

    def has_jdk(self, folder: Path, says: str = JAVA_17) -> Path:
        for name in ("java", "javac"):
            self.has(name, says, folder / "bin")
        return folder

    def lacks(self, name: str) -> None:
        (self.bin / name).unlink()

    def make(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        for tool in ("make", "bash", "find", "grep", "touch", "awk"):
            if not (self.bin / tool).exists():
                (self.bin / tool).symlink_to(shutil.which(tool, path=self._real) or tool)
        free = dict(zip(listening.PORTS, map(str, ports.free(len(listening.PORTS))), strict=True))
        numbers = {f"FEDLOG_{name.upper()}": number for name, number in free.items()}
        return subprocess.run(
            ["make", "--no-print-directory", *arguments, f"PYTHON={sys.executable}"],
            cwd=ROOT,
            env={"PATH": str(self.bin), **self.environment, **numbers, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
