"""The ways to bring a topic's events into a collection, each timed from its first document to its last."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pymongo.collection import Collection

from benchmarks.sink.kafka_connect import connecting
from infra.settings import ROOT, Settings
from infra.standalone import end

BATCH = 5000
OFFICIAL = {
    "official": "MongoDB's connector as it comes, a process that has just begun",
    "official_warm": "the same in a JVM that did it before",
    "official_tuned": f"the same again, told to poll {BATCH} records at once",
}
PATIENCE_S = 600
Documents = Collection[dict[str, Any]]


def properties(name: str, topic: str, settings: Settings) -> dict[str, str]:
    """What official connector and ours are told alike."""
    sink = "com.mongodb.kafka.connect.sink"
    return {
        "name": name,
        "connector.class": "com.mongodb.kafka.connect.MongoSinkConnector",
        "topics": topic,
        "connection.uri": settings.mongo_uri,
        "database": "benchmark",
        "collection": name,
        "max.batch.size": str(BATCH),
        "document.id.strategy": f"{sink}.processor.id.strategy.KafkaMetaDataStrategy",
        "writemodel.strategy": f"{sink}.writemodel.strategy.InsertOneDefaultStrategy",
    }


def official(settings: Settings, topic: str, total: int, database: Any, folder: Path) -> dict[str, float]:
    """Documents a second of MongoDB's connector, by how it was run: one after the other in one JVM."""
    runs = {name: properties(f"{name}-{topic}", topic, settings) for name in OFFICIAL}
    runs["official_tuned"]["consumer.override.max.poll.records"] = str(BATCH)
    folder.mkdir(exist_ok=True)
    first, *others = runs.values()
    path = folder / "official.json"
    path.write_text(json.dumps(first))
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(rate, database[first["name"]], total)
        with connecting(settings, [path], folder) as connect:
            found = [waiting.result()]
            for each in others:
                waiting = pool.submit(rate, database[each["name"]], total)
                connect.add(each)
                found.append(waiting.result())
                database[each["name"]].drop()
    return dict(zip(runs, found, strict=True))


def ours(settings: Settings, topic: str, total: int, database: Any, folder: Path) -> float:
    """Documents a second of our sink, a process like any other."""
    told = properties(f"ours-{topic}", topic, settings)
    config = folder / "ours" / topic
    config.mkdir(parents=True)
    (config / "ours.json").write_text(json.dumps(told))
    argv = [sys.executable, "-m", "mongo_sink", "run", "--bootstrap", settings.bootstrap]
    argv += ["--registry", settings.registry, "--config-dir", str(config)]
    with (folder / "ours.log").open("ab") as out:
        process = subprocess.Popen(argv, cwd=ROOT, stdout=out, stderr=out)
    try:
        return rate(database[told["name"]], total)
    finally:
        end([process])


def bare(documents: list[dict[str, Any]], collection: Documents) -> float:
    """Documents a second of pymongo alone, which finds them ready in memory."""

    def insert() -> None:
        for start in range(0, len(documents), BATCH):
            collection.insert_many(documents[start : start + BATCH], ordered=False)

    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(rate, collection, len(documents))
        insert()
        return found.result()


def rate(collection: Documents, total: int, now: Callable[[], float] = time.perf_counter) -> float:
    """Documents a second, from when there are some to when there are ``total``.

    Raises:
        TimeoutError: they do not come.
    """
    deadline = now() + PATIENCE_S
    while not (first := collection.estimated_document_count()):
        _patient(now() < deadline, collection.name)
    began = now()
    while collection.estimated_document_count() < total:
        _patient(now() < deadline, collection.name)
    return (total - first) / (now() - began)


def _patient(yet: bool, name: str) -> None:
    if not yet:
        raise TimeoutError(f"{name} did not get its documents within {PATIENCE_S} s")
    time.sleep(0.02)
