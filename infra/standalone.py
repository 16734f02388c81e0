"""A system of its own for a test or a benchmark: nothing of it is where a running system's things are."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from infra import ports
from infra.services import services
from infra.settings import ROOT, Settings

START_S = 180


class StartError(RuntimeError):
    """A service has ended, or did not answer in time; the message quotes its log."""


def isolated(home: Path, **changes: Any) -> Settings:
    """Settings with their own home, cache, registry, document store and free ports."""
    free: dict[str, Any] = dict(zip(ports.PORTS, ports.free(len(ports.PORTS)), strict=True))
    return Settings(home=home, cache=home / "cache", **free, **{"mongo": "", "registry_url": "", **changes})


def launched(settings: Settings, name: str) -> subprocess.Popen[bytes]:
    """A service as a plain process, its log in the home."""
    log = _log(settings, name)
    log.parent.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, **settings.exported()}
    with log.open("a") as out:
        argv = [sys.executable, "-m", "infra.launch", name]
        return subprocess.Popen(argv, cwd=ROOT, env=environment, stdout=out, stderr=out)


def end_in_order_at_sigterm() -> None:
    """Have SIGTERM end this process as an error would: what it has started is ended before."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


def end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Ask them all to end, and end those that do not."""
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _log(settings: Settings, name: str) -> Path:
    return settings.home / "logs" / f"{name}.log"


@contextmanager
def serving(settings: Settings, *names: str) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """Run some services as plain processes, without supervisor, until all answer; end them after the block.

    Raises:
        StartError: one does not come up within ``START_S`` seconds.
    """
    started: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name in names:
            started[name] = launched(settings, name)
        deadline = time.monotonic() + START_S
        for name, process in started.items():
            while not services(settings)[name].healthy(settings):
                text = _log(settings, name).read_text()[-2000:]
                if process.poll() is not None:
                    raise StartError(f"{name} ended while starting: {text}")
                if time.monotonic() > deadline:
                    raise StartError(f"{name} did not answer within {START_S} s: {text}")
                time.sleep(0.3)
        yield started
    finally:
        for process in reversed(
            started.values()
        ):  # without Kafka, the registry would be at it for as long as it is let
            end([process])
