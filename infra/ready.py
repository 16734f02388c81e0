"""Whether a server answers: one quick question each, no waiting."""

import json
from collections.abc import Callable
from http.client import HTTPException
from typing import Any
from urllib.request import ProxyHandler, build_opener

import click
from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from infra.settings import HOST, Settings
from schemas.topics import TOPICS

PATIENCE = 3.0
Check = Callable[[Settings], bool]
# Everything asked is on loopback. Of the standard library: every service is launched by a process that imports this.
_DIRECT = build_opener(ProxyHandler({}))


def _get(url: str) -> Any:
    """The JSON or text at ``url``; ``None`` where nobody answers well."""
    try:
        with _DIRECT.open(url, timeout=PATIENCE) as response:
            text = response.read().decode()
    except (OSError, HTTPException):
        return None
    return json.loads(text) if "json" in response.headers.get("content-type", "") else text


def kafka(settings: Settings) -> bool:
    """The broker lists its topics."""
    return _topics(settings) is not None


def _topics(settings: Settings) -> set[str] | None:
    client = AdminClient({"bootstrap.servers": settings.bootstrap, "log_level": 0}, logger=None)
    try:
        return set(client.list_topics(timeout=PATIENCE).topics)
    except KafkaException:
        return None


def registry(settings: Settings) -> bool:
    """The registry lists its subjects."""
    return _get(f"{settings.registry}/subjects") is not None


def must_have_log(settings: Settings) -> None:
    """For a command that only works on a running system.

    Raises:
        ClickException: Kafka or the registry does not answer.
    """
    if not (kafka(settings) and registry(settings)):
        raise click.ClickException("Kafka or the registry does not answer: `make up` first.")


def contracts(settings: Settings) -> bool:
    """Every topic exists and every schema is registered."""
    subjects = _get(f"{settings.registry}/subjects") or []
    return TOPICS.keys() <= (_topics(settings) or set()) and {t.subject for t in TOPICS.values()} <= set(subjects)


def mongo(settings: Settings) -> bool:
    """MongoDB answers a ping."""
    # Here, for every service is launched by a process that knows these questions, and few ask this one.
    from pymongo import MongoClient
    from pymongo.errors import PyMongoError

    client: MongoClient[Any] = MongoClient(settings.mongo_uri, serverSelectionTimeoutMS=PATIENCE * 1000)
    try:
        return bool(client.admin.command("ping")["ok"])
    except PyMongoError:
        return False
    finally:
        client.close()


def jobmanager(settings: Settings) -> bool:
    """Flink's REST API answers."""
    return _get(f"{settings.flink}/overview") is not None


def taskmanager(settings: Settings) -> bool:
    """A TaskManager has registered."""
    overview = _get(f"{settings.flink}/overview")
    return bool(overview and overview["taskmanagers"])


def training(settings: Settings) -> bool:
    """All tasks of a job run."""
    jobs = (_get(f"{settings.flink}/jobs/overview") or {"jobs": []})["jobs"]
    return any(job["state"] == "RUNNING" and job["tasks"]["running"] == job["tasks"]["total"] for job in jobs)


def aggregator(settings: Settings) -> bool:
    """The aggregator's web server answers and its agent consumes."""
    return _get(f"http://{HOST}:{settings.aggregator_port}/health") is not None


def spark(settings: Settings) -> bool:
    """A streaming query has processed a batch."""
    applications = _get(f"http://{HOST}:{settings.spark_port}/api/v1/applications")
    return bool(applications)


def sink(settings: Settings) -> bool:
    """The sink shows its metrics: its connectors are as they should be, and it has begun."""
    return _get(f"http://{HOST}:{settings.sink_metrics_port}/metrics") is not None


def sink_failed(settings: Settings) -> bool:
    """A task of the sink's has failed, while the others go on."""
    metrics = _get(f"http://{HOST}:{settings.sink_metrics_port}/metrics") or ""
    return any(line.startswith("fedlog_sink_failed{") and line.endswith(" 1.0") for line in metrics.splitlines())


def producer(settings: Settings) -> bool:
    """There is a reading on the log: what was to be downloaded, parsed and waited for is there."""
    client = AdminClient({"bootstrap.servers": settings.bootstrap, "log_level": 0}, logger=None)
    places = {TopicPartition("iot_stream", n): OffsetSpec.latest() for n in range(TOPICS["iot_stream"].partitions)}
    try:
        return any(end.result().offset for end in client.list_offsets(places, request_timeout=PATIENCE).values())
    except KafkaException:
        return False


def superset(settings: Settings) -> bool:
    """Superset answers."""
    return _get(f"http://{HOST}:{settings.superset_port}/health") is not None


def running(_: Settings) -> bool:
    """Nothing to ask beyond the supervisor's word."""
    return True
