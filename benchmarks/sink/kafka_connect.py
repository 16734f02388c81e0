"""Kafka Connect standalone, on loopback, as a process that ends with the block: what runs MongoDB's own connector."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, build_opener

from confluent_kafka import Consumer, TopicPartition

from infra import java, ports
from infra.kafka import LOGGING
from infra.settings import HOST, Settings
from infra.standalone import end
from schemas.topics import TOPICS

START_S = 120
_DIRECT = build_opener(ProxyHandler({}))


class ConnectError(RuntimeError):
    """Kafka Connect has ended, or one of its tasks has failed; the message quotes it."""


class Connect(NamedTuple):
    """A running Kafka Connect.

    ``check()`` raises ``ConnectError`` if it has ended or a task has failed; ``connectors`` are the properties by name.
    """

    check: Callable[[], None]
    connectors: dict[str, dict[str, Any]]


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
    with (folder / "connect.log").open("ab") as out:
        process = subprocess.Popen(argv, cwd=folder, stdout=out, stderr=out)
    named = {each["name"]: each for each in (json.loads(path.read_text("utf-8")) for path in connectors)}
    try:
        deadline = time.monotonic() + START_S
        while not _running(process, port, named, folder / "connect.log"):
            if time.monotonic() > deadline:
                raise ConnectError(f"not running within {START_S} s: {_tail(folder / 'connect.log')}")
            time.sleep(0.3)
        yield Connect(lambda: _check(process, port, named, folder / "connect.log"), named)
    finally:
        end([process])


def behind(bootstrap: str, group: str, topics: Sequence[str]) -> int:
    """How many records of the topics a consumer group has not committed yet."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group})
    try:
        places = [TopicPartition(topic, p) for topic in topics for p in range(TOPICS[topic].partitions)]
        total = 0
        for place in consumer.committed(places, 30):
            low, high = consumer.get_watermark_offsets(TopicPartition(place.topic, place.partition), 30)
            total += high - max(place.offset, low)
        return total
    finally:
        consumer.close()


def catch_up(connect: Connect, bootstrap: str, patience: float = 120) -> None:
    """Wait until every connector's group, ``connect-<name>``, has committed all that its topics hold.

    Raises:
        ConnectError: a task fails meanwhile, or ``patience`` seconds do not suffice.
    """
    deadline = time.monotonic() + patience
    waiting = dict(connect.connectors)
    while waiting:
        connect.check()
        for name in list(waiting):
            if behind(bootstrap, f"connect-{name}", waiting[name]["topics"].split(",")) == 0:
                del waiting[name]
        if time.monotonic() > deadline:
            raise ConnectError(f"{', '.join(waiting)} not at the end within {patience} s")
        time.sleep(0.3)


def _check(process: subprocess.Popen[bytes], port: int, named: dict[str, Any], log: Path) -> None:
    _running(process, port, named, log)


def _running(process: subprocess.Popen[bytes], port: int, named: dict[str, Any], log: Path) -> bool:
    """Whether every connector has tasks and all run; a task that failed, or an end, raises."""
    if process.poll() is not None:
        raise ConnectError(f"Kafka Connect ended: {_tail(log)}")
    try:
        with _DIRECT.open(f"http://{HOST}:{port}/connectors?expand=status", timeout=5) as response:
            found = json.load(response)
    except (HTTPError, URLError, TimeoutError, ConnectionError):
        return False
    states = {name: found.get(name, {}).get("status", {}) for name in named}
    for name, status in states.items():
        for each in [status.get("connector", {}), *status.get("tasks", [])]:
            if each.get("state") == "FAILED":
                raise ConnectError(f"{name} failed: {each.get('trace')}")
    return all(
        status.get("tasks") and all(task["state"] == "RUNNING" for task in status["tasks"])
        for status in states.values()
    )


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-3000:]
