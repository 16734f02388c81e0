"""What outlives its parent: a killed service's workers and JVM, and all services of a killed supervisord."""

import os
import time
from collections.abc import Iterable
from contextlib import suppress

import psutil

from infra.services import needed_by
from infra.settings import Settings

MARK = "FEDLOG_SERVICE"
"""In the environment of a service and of all its children: the service's name."""
LAUNCHER = "infra.launch"
"""On the command line of what is to become a service, and waits for what that needs: it has no mark yet."""
SUPERVISOR = "supervisord"
PATIENCE_S = 40.0
"""Granted to what is told to end: Spark may have a batch to finish."""
_LOOK_S = 0.1


def left(settings: Settings) -> dict[str, list[psutil.Process]]:
    """Processes of this home by the service they are of, this one not among them."""
    found: dict[str, list[psutil.Process]] = {}
    for process in psutil.process_iter(["environ", "cmdline"]):
        # None: another user's.
        name = _service(settings, process.info["environ"] or {}, process.info["cmdline"] or [])
        if name and process.pid != os.getpid() and _lives(process):
            found.setdefault(name, []).append(process)
    return found


def _service(settings: Settings, environment: dict[str, str], command: list[str]) -> str | None:
    if command[-2:] == ["-c", str(settings.home / "run" / "supervisord.conf")]:
        return SUPERVISOR  # whoever deleted its socket can tell it nothing any more
    if environment.get("FEDLOG_HOME") != str(settings.home):
        return None
    return environment.get(MARK) or (command[-1] if LAUNCHER in command else None)


def end(settings: Settings, service: str) -> list[int]:
    """Kill what an earlier process of ``service``, in this home, has left; return the process ids.

    They hold memory, ports and places in consumer groups that the new process needs.
    """
    ended = left(settings).get(service, [])
    for process in ended:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    return [process.pid for process in ended]


def end_all(settings: Settings, patience: float = PATIENCE_S) -> None:
    """End what a supervisord has left, each service before what it needs, and wait until it has ended.

    Args:
        settings: of a system whose supervisord does not answer.
        patience: seconds from being told to end to being killed.
    """
    while found := left(settings):
        # First who would start them again.
        for_now = {SUPERVISOR} & found.keys() or found.keys() - needed_by(settings, found)
        _end([process for name in for_now for process in found[name]], patience)
    for stale in (settings.socket, settings.home / "run" / "supervisord.pid"):
        stale.unlink(missing_ok=True)  # else they say that there is something still


def _end(processes: list[psutil.Process], patience: float) -> None:
    """Tell the first of each family to end, as the supervisor would; then kill what is left of it."""
    pids = {process.pid for process in processes}
    first = []
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            if process.ppid() not in pids:
                process.terminate()
                first.append(process)
    _wait(first, patience)
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    _wait(processes, patience)


def _wait(processes: Iterable[psutil.Process], patience: float) -> None:
    deadline = time.monotonic() + patience
    while any(map(_lives, processes)) and time.monotonic() < deadline:
        time.sleep(_LOOK_S)


def _lives(process: psutil.Process) -> bool:
    """Whether it runs; what only waits for its parent to take note of its end does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
