"""What a machine must have before anything is installed. Runs on any Python: standard library only."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

INSTALLED_GIB = 4
DATA_GIB = 2


def complaints(build: Path, environment: "dict[str, str]") -> "list[str]":
    """One sentence for each missing thing, naming the mend; none means go on."""
    found = []
    if sys.version_info[:2] != (3, 11):
        found.append(
            f"Python 3.11 is needed and this is {sys.version.split()[0]}: install it, or name it with "
            "`make PYTHON=/path/to/python3.11 ...`."
        )
    java = os.path.join(environment["FEDLOG_JAVA"], "bin", "java") if environment.get("FEDLOG_JAVA") else "java"
    if java_version(java) < 17:
        found.append("Java 17 or newer is needed: install a JDK, or name its folder with FEDLOG_JAVA.")
    if not shutil.which("mvn"):
        found.append("Maven is needed to fetch the servers' jars: install it so that `mvn` is on the PATH.")
    needed = DATA_GIB if build.exists() else INSTALLED_GIB + DATA_GIB
    free = shutil.disk_usage(build.parent).free / 2**30
    if free < needed:
        found.append(f"{needed} GiB of disk are needed and {free:.1f} GiB are free at {build.parent}: make room.")
    return found


def java_version(java: str) -> int:
    """Feature version of a ``java`` binary, 0 where there is none."""
    if not shutil.which(java):
        return 0
    shown = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    match = re.search(r'version "(?:1\.)?(\d+)', shown)
    return int(match.group(1)) if match else 0


if __name__ == "__main__":
    problems = complaints(Path(__file__).resolve().parent.parent / "build", dict(os.environ))
    sys.stderr.write("".join(f"{problem}\n" for problem in problems))
    sys.exit(1 if problems else 0)
