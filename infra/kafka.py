"""Kafka in KRaft mode: one broker that is its own controller, on loopback."""

import subprocess
import uuid
from pathlib import Path

from infra import java
from infra.settings import HOST, ROOT, Settings

JVM = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xss512k"]
LOGGING = f"-Dlog4j2.configurationFile={ROOT / 'infra' / 'jvm' / 'kafka' / 'log4j2.properties'}"


def properties(settings: Settings) -> dict[str, str]:
    """The server's properties."""
    listeners = f"PLAINTEXT://{settings.bootstrap},CONTROLLER://{HOST}:{settings.kafka_controller_port}"
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "listeners": listeners,
        "advertised.listeners": listeners,
        "controller.listener.names": "CONTROLLER",
        "controller.quorum.bootstrap.servers": f"{HOST}:{settings.kafka_controller_port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": str(settings.home / "kafka" / "log"),
        "auto.create.topics.enable": "false",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "8",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "4",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
        # A consumer may ask to be taken for dead sooner than after Kafka's six seconds.
        "group.min.session.timeout.ms": "1000",
        "log.retention.ms": "-1",
    }


def command(settings: Settings, heap: str, *arguments: str) -> list[str]:
    """A class of Kafka's jars as a command line."""
    binary = f"{java.home(settings, java.KAFKA)}/bin/java"
    jars = f"{settings.build / 'jars' / 'kafka'}/*"
    return [binary, f"-Xmx{heap}", *JVM, LOGGING, "-cp", jars, *arguments]


def prepare(settings: Settings) -> Path:
    """Write the properties and format the storage if it is new; return the properties' path."""
    folder = settings.home / "kafka"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "server.properties"
    path.write_text("".join(f"{name}={value}\n" for name, value in properties(settings).items()))
    if not (folder / "log" / "meta.properties").exists():
        arguments = ["--standalone", "--cluster-id", uuid.uuid4().hex[:22], "--config", str(path)]
        subprocess.run(command(settings, "128m", "kafka.tools.StorageTool", "format", *arguments), check=True)
    return path
