"""The MongoDB servers that the sink's tests run against: every one at hand, the embedded stand-in always."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any
from uuid import uuid4

from pymongo import MongoClient

from infra import ready
from infra.services import Command, mongodb, stand_in
from infra.settings import Settings
from infra.standalone import START_S, end, isolated

STAND_IN, MONGOD, CONFIGURED = "stand-in", "mongod", "configured"
ADDRESS = os.environ.get("FEDLOG_MONGO", "")
"""Of the configured server, as it was before any test."""
OWN = f"fedlog_test_{uuid4().hex[:8]}_"
"""How the names of this process's databases begin: a server that is somebody's holds others, too."""


def at_hand(address: str = ADDRESS) -> list[str]:
    """The kinds of server that there are, each to be tested against."""
    there = {STAND_IN: True, MONGOD: shutil.which("mongod"), CONFIGURED: address}
    return [kind for kind, found in there.items() if found]


def told(address: str = ADDRESS) -> str:
    """One line: what the sink's tests run against, and what they do not and why."""
    absent = {MONGOD: "no mongod on the PATH", CONFIGURED: "FEDLOG_MONGO is not set"}
    kinds = at_hand(address)
    missing = "; ".join(reason for kind, reason in absent.items() if kind not in kinds)
    return f"the sink's MongoDB: {', '.join(kinds)}" + (f" ({missing})" if missing else "")


def database(name: str) -> str:
    """A name for a database of a test's own."""
    return OWN + name


class Server:
    """A server of the tests' own: killed and started again it has the same address and data."""

    process: subprocess.Popen[bytes]

    def __init__(self, kind: str, home: Path) -> None:
        self._settings, self._start = isolated(home), COMMANDS[kind]
        self.uri = self._settings.mongo_uri

    def __enter__(self) -> "Server":
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        end([self.process])

    def start(self) -> None:
        """Start it, and return when it answers."""
        command, log = self._start(self._settings), self._settings.home / "mongo.log"
        with log.open("a") as out:
            environment = {**os.environ, **command.environment}
            self.process = subprocess.Popen(command.argv, env=environment, stdout=out, stderr=out)
        deadline = time.monotonic() + START_S
        while not ready.mongo(self._settings):
            if self.process.poll() is not None or time.monotonic() > deadline:
                end([self.process])
                raise AssertionError(f"no server at {self.uri}: {log.read_text()[-2000:]}")
            time.sleep(0.1)


def _mongod(settings: Settings) -> Command:
    found = shutil.which("mongod")
    assert found, "asked for where it is"
    return mongodb(settings, found)


COMMANDS: dict[str, Callable[[Settings], Command]] = {STAND_IN: stand_in, MONGOD: _mongod}


@contextmanager
def serving(kind: str, home: Path, address: str = ADDRESS) -> Iterator[str]:
    """The address of a server of a kind; the tests' own databases there are gone after the block, and no others."""
    if kind != CONFIGURED:
        with Server(kind, home) as server:
            yield server.uri
        return
    # The address may hold a password: it is not told.
    assert ready.mongo(isolated(home, mongo=address)), "the server at FEDLOG_MONGO does not answer"
    try:
        yield address
    finally:
        drop(address, OWN)


def drop(uri: str, beginning: str) -> None:
    """Have no database whose name begins so."""
    with MongoClient[dict[str, Any]](uri) as client:
        for name in client.list_database_names():
            if name.startswith(beginning):
                client.drop_database(name)
