"""What a machine must have before anything is installed. Runs on any Python: standard library only.

``python -m infra.preflight``, and with ``up`` the ports too.
"""

import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from infra import listening, room

ROOT = Path(__file__).resolve().parent.parent
JAVA = 17


def complaints(environment: "dict[str, str]", up: bool = False) -> "list[str]":
    """One sentence for each missing thing, naming the mend; none means go on."""
    said = {name: value for name, value in environment.items() if value}
    build = Path(said.get("FEDLOG_BUILD", ROOT / "build")).absolute()
    home = Path(said.get("FEDLOG_HOME", ROOT / "var")).absolute()
    caches = Path(said.get("UV_CACHE_DIR") or said.get("XDG_CACHE_HOME") or os.path.expanduser("~")).absolute()
    # Where it is, a supervisor runs or was killed, and those that listen may be ours: `up` knows, as it ends them.
    ours = (home / "run" / "supervisord.pid").exists()
    return [
        *_python(),
        *_java(said),
        *_maven(),
        *room.complaints(build, home, caches),
        *(_ports(said) if up and not ours else []),
    ]


def _python() -> "list[str]":
    if sys.version_info[:2] != (3, 11):
        return [
            f"Python 3.11 is needed and this is {sys.version.split()[0]}: install it, or name it with "
            "`make PYTHON=/path/to/python3.11 ...`."
        ]
    if not (find_spec("venv") and find_spec("ensurepip")):
        return [
            f"Python's venv is needed and {sys.executable} comes without: install it (python3.11-venv on Debian and "
            "Ubuntu), or name another Python with `make PYTHON=/path/to/python3.11 ...`."
        ]
    return []


def _java(said: "dict[str, str]") -> "list[str]":
    """The Java that the servers get and that Maven compiles with: the one that is named, else the PATH's."""
    mend = "install a JDK, or name its folder with FEDLOG_JAVA."
    named = next((name for name in ("FEDLOG_JAVA", "JAVA_HOME") if name in said), None)
    found = shutil.which("java")
    folder = Path(said[named]) if named else Path(os.path.realpath(found)).parent.parent if found else None
    where = f"{named}={folder}" if named else f"the one on the PATH ({folder})"
    if folder is None:
        return [f"Java {JAVA} or newer is needed and there is none on the PATH: {mend}"]
    version = java_version(str(folder / "bin" / "java"))
    if version < JAVA:
        return [f"Java {JAVA} or newer is needed and {where} {f'is {version}' if version else 'is none'}: {mend}"]
    if not shutil.which(str(folder / "bin" / "javac")):
        return [f"A JDK is needed and {where} has no compiler, bin/javac: {mend}"]
    return []


def java_version(java: str) -> int:
    """Feature version of a ``java`` binary, 0 where there is none."""
    if not shutil.which(java):
        return 0
    # Not capture_output and text: this runs on old Pythons too, if only to say so.
    shown = subprocess.run([java, "-version"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False).stdout
    match = re.search(r'version "(?:1\.)?(\d+)', shown.decode(errors="replace"))
    return int(match.group(1)) if match else 0


def _maven() -> "list[str]":
    if shutil.which("mvn"):
        return []
    return ["Maven is needed to fetch the servers' jars: install it so that `mvn` is on the PATH."]


def _ports(said: "dict[str, str]") -> "list[str]":
    """As ``infra.ports`` looks at them once settings can be read."""
    left_out = set(said.get("FEDLOG_WITHOUT", "").split(","))
    left_out |= {service for service, name in listening.ELSEWHERE.items() if f"FEDLOG_{name.upper()}" in said}
    wanted, found = {}, []
    for name, port in listening.PORTS.items():
        variable = f"FEDLOG_{name.upper()}"
        number = said.get(variable, str(port.default))
        if port.service in left_out:
            continue
        if number.isdigit() and 0 < int(number) < 65536:
            wanted[name] = int(number)
        else:
            found.append(f"{variable}={number} is no port: name a number from 1 to 65535.")
    return found + listening.taken(wanted)


if __name__ == "__main__":
    problems = complaints(dict(os.environ), up="up" in sys.argv[1:])
    sys.stderr.write("".join(f"{problem}\n" for problem in problems))
    sys.exit(1 if problems else 0)
