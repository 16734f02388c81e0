"""Children that outlive a killed service: a TaskManager's Python workers, Spark's JVM."""

import os

import psutil

from infra.settings import Settings

MARK = "FEDLOG_SERVICE"
"""In the environment of a service and of all its children: the service's name."""


def end(settings: Settings, service: str) -> list[int]:
    """Kill what an earlier process of ``service``, in this home, has left; return the process ids.

    They hold memory, ports and places in consumer groups that the new process needs.
    """
    ended = []
    for process in psutil.process_iter(["pid", "environ"]):
        environment = process.info["environ"] or {}  # None: another user's
        ours = environment.get(MARK) == service and environment.get("FEDLOG_HOME") == str(settings.home)
        if ours and process.pid != os.getpid():
            process.kill()
            ended.append(process.pid)
    return ended
