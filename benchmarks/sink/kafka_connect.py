"""Kafka Connect standalone, on loopback, as a process that ends with the block: what runs MongoDB's own connector."""

import json
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from infra import java, ports
from infra.kafka import LOGGING
from infra.settings import HOST, Settings
from infra.standalone import end

START_S = 120


class ConnectError(RuntimeError):
    """Kafka Connect has ended, or one of its tasks has failed; the message quotes it."""


class Connect:
    """A running Kafka Connect and the connectors in it, by name."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.connectors: dict[str, dict[str, Any]] = {}
        self._process, self._log = process, log
        self._port = port

    def running(self) -> bool:
        """Whether every connector has tasks, and all run.

        Raises:
            ConnectError: Kafka Connect has ended, or a task has failed.
        """
        if self._process.poll() is not None:
            raise ConnectError(f"Kafka Connect ended: {self.tail()}")
        try:
            found = self._ask("GET", "/connectors?expand=status")
        except (OSError, HTTPException, ValueError):  # not listening yet, or not ready to answer
            return False
        states = [found.get(name, {}).get("status", {}) for name in self.connectors]
        for status in states:
            for each in [status.get("connector", {}), *status.get("tasks", [])]:
                if each.get("state") == "FAILED":
                    raise ConnectError(f"{status['name']} failed: {each.get('trace')}")
        return all(
            status.get("tasks") and all(task["state"] == "RUNNING" for task in status["tasks"]) for status in states
        )

    def wait(self) -> None:
        """Return when all connectors run.

        Raises:
            ConnectError: they do not come up.
        """
        deadline = time.monotonic() + START_S
        while not self.running():
            if time.monotonic() > deadline:
                raise ConnectError(f"not running within {START_S} s: {self.tail()}")
            time.sleep(0.3)

    def add(self, properties: Mapping[str, Any]) -> None:
        """Have one more connector run, in a process that is warm by then.

        Raises:
            ConnectError: it is refused, or does not come up.
        """
        name = properties["name"]
        told = self._ask("POST", "/connectors", {"name": name, "config": dict(properties)})
        if "config" not in told:
            raise ConnectError(f"{name} is refused: {told}")
        self.connectors[name] = dict(properties)
        self.wait()

    def tail(self) -> str:
        """The end of what it has logged."""
        return self._log.read_text(errors="replace")[-3000:]

    def _ask(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        connection = HTTPConnection(HOST, self._port, timeout=30)
        try:
            connection.request(method, path, json.dumps(body) if body else None, {"Content-Type": "application/json"})
            answer: dict[str, Any] = json.load(connection.getresponse())
        finally:
            connection.close()
        return answer


def worker(settings: Settings, folder: Path, port: int) -> dict[str, str]:
    """The worker's properties: plain text keys, values in Avro as the registry frames them for Confluent's clients."""
    converter = {
        "apicurio.registry.url": settings.registry.replace("/apis/ccompat/v7", "/apis/registry/v2"),
        "apicurio.registry.as-confluent": "true",
        "apicurio.registry.use-id": "contentId",
        "apicurio.registry.headers.enabled": "false",
    }
    return {
        "bootstrap.servers": settings.bootstrap,
        "listeners": f"http://{HOST}:{port}",
        "rest.advertised.host.name": HOST,
        "plugin.discovery": "only_scan",  # not all these jars have the list of plugins that it would else look for
        "offset.storage.file.filename": str(folder / "offsets"),
        "offset.flush.interval.ms": "1000",  # between two commits: what is written is soon known to be
        "key.converter": "org.apache.kafka.connect.storage.StringConverter",
        "value.converter": "io.apicurio.registry.utils.converter.AvroConverter",
        **{f"value.converter.{name}": value for name, value in converter.items()},
    }


@contextmanager
def connecting(settings: Settings, connectors: Sequence[Path], folder: Path, heap: str = "768m") -> Iterator[Connect]:
    """Run connectors in one Kafka Connect until all their tasks run; end it after the block.

    Args:
        settings: where log, registry and jars are.
        connectors: a JSON file of properties each.
        folder: to keep its properties, offsets and output in.
        heap: that its JVM may take.

    Raises:
        ConnectError: it does not come up, or a task fails.
    """
    (port,) = ports.free(1)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "worker.properties").write_text(
        "".join(f"{name}={value}\n" for name, value in worker(settings, folder, port).items())
    )
    argv = [f"{java.home(settings, java.KAFKA)}/bin/java", f"-Xmx{heap}", LOGGING]
    argv += ["-cp", f"{settings.build / 'jars' / 'connect'}/*", "org.apache.kafka.connect.cli.ConnectStandalone"]
    argv += [str(folder / "worker.properties"), *map(str, connectors)]
    log = folder / "connect.log"
    with log.open("ab") as out:
        process = subprocess.Popen(argv, cwd=folder, stdout=out, stderr=out)
    connect = Connect(process, port, log)
    connect.connectors = {each["name"]: each for each in (json.loads(path.read_text("utf-8")) for path in connectors)}
    try:
        connect.wait()
        yield connect
    finally:
        end([process])
