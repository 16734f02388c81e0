"""What runs, what is on the log, what is in the views; works, and says so, when parts are down."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil
from confluent_kafka import Consumer, KafkaException, TopicPartition
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from infra.services import Service, services
from infra.settings import Settings
from infra.supervision import GIVE_UP, processes
from schemas.topics import TOPICS
from schemas.wire import iso

LAST = 10
"""Records of a partition among which the newest model is looked for."""
COLLECTIONS = ("sensor_readings", "local_models", "global_model", "predictions", "dead_letters", "fleet_analytics")


def status(settings: Settings) -> dict[str, Any]:
    """The system's state as ``make status FORMAT=json`` prints it; ``None`` for a count nobody could give."""
    supervised = processes(settings)
    known = list(services(settings).values())
    with ThreadPoolExecutor(len(known) + 2) as pool:
        states = pool.map(lambda service: _state(settings, service, supervised.get(service.name)), known)
        log, mongo = pool.submit(_log, settings), pool.submit(_mongo, settings)
        rows = [
            {"name": service.name, "state": state, "address": service.address(settings)}
            for service, state in zip(known, states, strict=True)
        ]
    topics, newest = log.result()
    return {"services": rows, "topics": topics, "global_model": newest, "mongo": mongo.result()}


def _state(settings: Settings, service: Service, process: dict[str, Any] | None) -> str:
    """``healthy``, ``starting``, ``finished``, ``failed`` or ``down``."""
    if process is None or process["statename"] in ("STOPPED", "STOPPING"):
        return "down"
    if process["statename"] == "EXITED":
        if process["exitstatus"] == GIVE_UP:
            return "failed"
        return "healthy" if service.once and service.healthy(settings) else "finished"
    if process["statename"] in ("FATAL", "BACKOFF", "UNKNOWN"):
        return "down"
    if process["statename"] != "RUNNING" or _launching(process["pid"]) or not service.healthy(settings):
        return "starting"
    return "failed" if service.failed(settings) else "healthy"


def _launching(pid: int) -> bool:
    """Whether a service's process is still its launcher, waiting for what the service needs, or is ending."""
    try:
        command = psutil.Process(pid).cmdline()
        return not command or "infra.launch" in command
    except psutil.NoSuchProcess:
        return True


def _log(settings: Settings) -> tuple[dict[str, Any], dict[str, Any] | None]:
    consumer = Consumer({"bootstrap.servers": settings.bootstrap, "group.id": "status", "log_level": 0})
    try:
        counts = {name: {"events": _events(consumer, name, spec.partitions)} for name, spec in TOPICS.items()}
        return counts, newest_model(consumer)
    except KafkaException:
        return {name: {"events": None} for name in TOPICS}, None
    finally:
        consumer.close()


def _events(consumer: Consumer, topic: str, partitions: int) -> int:
    ends = (consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=3) for p in range(partitions))
    return sum(high - low for low, high in ends)


def newest_model(consumer: Consumer) -> dict[str, Any] | None:
    """The newest global model's version and window end, read from the headers of the last records.

    What is on the topic and no model has no version, and is passed over.
    """
    models = []
    for partition in range(TOPICS["global_models"].partitions):
        low, high = consumer.get_watermark_offsets(TopicPartition("global_models", partition), timeout=3)
        start = max(low, high - LAST)
        consumer.assign([TopicPartition("global_models", partition, start)])
        for message in consumer.consume(high - start, timeout=3) if high > start else ():
            version = dict(message.headers() or ()).get("version")
            if version is not None:
                models.append((int(version), iso(message.timestamp()[1])))
    version, window_end = max(models, default=(0, ""))
    return {"version": version, "window_end": window_end} if version else None


def _mongo(settings: Settings) -> dict[str, int | None]:
    client: MongoClient[Any] = MongoClient(settings.mongo_uri, serverSelectionTimeoutMS=3000)
    try:
        database = client[settings.database]
        return {name: database[name].estimated_document_count() for name in COLLECTIONS}
    except PyMongoError:
        return dict.fromkeys(COLLECTIONS)
    finally:
        client.close()
