"""supervisord: its configuration from the services, and what is asked of it."""

import configparser
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ServerProxy

from supervisor.xmlrpc import Faults, SupervisorTransport

from infra.services import folder, needed_by, services
from infra.settings import ROOT, Settings

GIVE_UP = 2
"""A service that exits with this says that starting it again would not help."""
RUNS = ("STARTING", "RUNNING", "BACKOFF", "STOPPING")
"""Supervisord's words for a service that is there, or would be again."""


def render(settings: Settings) -> str:
    """Supervisord's configuration for a system."""
    run = settings.home / "run"
    sections: dict[str, dict[str, str]] = {
        "unix_http_server": {"file": str(settings.socket), "chmod": "0700"},
        "supervisorctl": {"serverurl": f"unix://{settings.socket}"},
        "supervisord": {
            "logfile": str(folder(settings, "supervisord")),
            "pidfile": str(run / "supervisord.pid"),
            "childlogdir": str(settings.home / "logs"),
            "directory": str(ROOT),
        },
        "rpcinterface:supervisor": {
            "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
        },
    }
    environment = ",".join(f'{name}="{value}"' for name, value in settings.exported().items())
    for service in services(settings).values():
        sections[f"program:{service.name}"] = {
            "command": f"{sys.executable} -m infra.launch {service.name}",
            "directory": str(ROOT),
            "environment": environment.replace("%", "%%"),
            "autorestart": "unexpected" if service.gives_up else "true",
            "exitcodes": f"0,{GIVE_UP}" if service.once or service.name == "producer" else f"{GIVE_UP}",
            "startsecs": "0" if service.once else "3",
            "startretries": "1000000",
            "stopasgroup": "false" if service.finishes else "true",
            "killasgroup": "true",
            "stopwaitsecs": "40" if service.finishes else "20",
            "redirect_stderr": "true",
            "stdout_logfile": str(folder(settings, service.name)),
            "stdout_logfile_maxbytes": "20MB",
            "stdout_logfile_backups": "1",
        }
    parser = configparser.RawConfigParser()
    parser.read_dict(sections)
    path = run / "supervisord.conf"
    path.parent.mkdir(parents=True, exist_ok=True)
    (settings.home / "logs").mkdir(exist_ok=True)
    with path.open("w") as file:
        parser.write(file)
    return path.read_text()


def proxy(settings: Settings) -> Any:
    """Supervisord's XML-RPC interface."""
    transport = SupervisorTransport(None, None, f"unix://{settings.socket}")
    return ServerProxy("http://127.0.0.1", transport=transport).supervisor


@contextmanager
def paused(settings: Settings, *names: str) -> Iterator[list[str]]:
    """Stop services, in this order, for as long as something else does their work; yields those that ran."""
    states = processes(settings)
    running = [name for name in names if states.get(name, {}).get("statename") in ("RUNNING", "STARTING")]
    for name in running:
        proxy(settings).stopProcess(name)
    try:
        yield running
    finally:
        for name in reversed(running):
            proxy(settings).startProcess(name, False)


def alive(settings: Settings) -> bool:
    """Whether this system's supervisord answers, if only to say that it is shutting down."""
    return _state(settings) is not None


def _state(settings: Settings) -> str | None:
    try:
        return str(proxy(settings).getState()["statename"])
    except OSError:
        return None
    except Fault as fault:
        if fault.faultCode != Faults.SHUTDOWN_STATE:
            raise
        return "SHUTDOWN"


def settle(settings: Settings) -> None:
    """Wait until a shutdown that is under way has ended."""
    while _state(settings) in ("SHUTDOWN", "RESTARTING"):
        time.sleep(0.3)


def start(settings: Settings) -> bool:
    """Start supervisord or bring a running one up to the settings; return whether anything changed."""
    configured = settings.home / "run" / "supervisord.conf"
    before = configured.read_text() if configured.exists() else None
    after = render(settings)
    if not alive(settings):
        binary = Path(sys.executable).parent / "supervisord"
        subprocess.run([binary, "-c", str(configured)], check=True, cwd=ROOT)
        return True
    if before == after:
        return _revive(settings)
    supervisor = proxy(settings)
    added, changed, removed = supervisor.reloadConfig()[0]
    for name in changed + removed:
        supervisor.stopProcessGroup(name)
        supervisor.removeProcessGroup(name)
    for name in added + changed:
        supervisor.addProcessGroup(name)
    return bool(added or changed or removed)


def _revive(settings: Settings) -> bool:
    """Start again what gave up or was stopped by hand."""
    stopped = [
        name
        for name, process in processes(settings).items()
        if process["statename"] in ("STOPPED", "FATAL", "EXITED") and not services(settings)[name].once
    ]
    for name in stopped:
        proxy(settings).startProcess(name, False)
    return bool(stopped)


def stop(settings: Settings) -> None:
    """Stop everything, each service before what it needs, and wait until it has ended.

    A registry whose Kafka is gone, or a Spark that cannot commit, would be at it until it is killed.
    """
    while running := {name: state for name, state in _states(settings).items() if state in RUNS}:
        for name in running.keys() - needed_by(settings, running):
            if running[name] != "STOPPING":
                _stop(settings, name)
        time.sleep(0.2)
    if _state(settings) == "RUNNING":
        proxy(settings).shutdown()
    while alive(settings):
        time.sleep(0.2)


def _stop(settings: Settings, name: str) -> None:
    """Tell a service to end, without waiting; it may have ended by itself."""
    try:
        proxy(settings).stopProcess(name, False)
    except Fault as fault:
        if fault.faultCode != Faults.NOT_RUNNING:
            raise


def _states(settings: Settings) -> dict[str, str]:
    return {name: str(process["statename"]) for name, process in processes(settings).items()}


def processes(settings: Settings) -> dict[str, dict[str, Any]]:
    """Supervisord's word on each process, by name; empty where it does not run."""
    if _state(settings) != "RUNNING":
        return {}
    return {info["name"]: info for info in proxy(settings).getAllProcessInfo()}
