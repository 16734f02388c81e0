"""The processes of the system: what each is, what it needs first, how it is asked whether it is well."""

import os
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from infra import flink, java, kafka, ready, secrets
from infra.settings import HOST, ROOT, Settings
from infra.threads import ONE_THREAD

SMALL_JVM = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xss512k"]


class Command(NamedTuple):
    """What replaces the launcher: arguments, and what is added to the environment."""

    argv: list[str]
    environment: Mapping[str, str] = MappingProxyType({})


class Service(NamedTuple):
    """One supervised process.

    Attributes:
        name: as ``make status`` and ``make logs`` know it.
        command: prepares what the process finds on disk and says how to start it.
        healthy: whether it answers.
        needs: services that must answer before it starts.
        address: where to look, for people.
        once: it does its work and ends.
        finishes: told to stop, it finishes what is under way, and ends what it has started itself.
        gives_up: ends with 2 where starting it again would not help; with others' servers that may mean anything.
        failed: whether a part of it has, though it runs.
    """

    name: str
    command: Callable[[Settings], Command]
    healthy: ready.Check
    needs: tuple[str, ...] = ()
    address: Callable[[Settings], str] = lambda settings: ""
    once: bool = False
    finishes: bool = False
    gives_up: bool = True
    failed: ready.Check = lambda settings: False


def _kafka(settings: Settings) -> Command:
    path = kafka.prepare(settings)
    return Command(kafka.command(settings, "512m", "kafka.Kafka", str(path)))


def _registry(settings: Settings) -> Command:
    snapshots = settings.home / "registry"
    snapshots.mkdir(parents=True, exist_ok=True)
    return Command(
        [
            f"{java.home(settings, java.REGISTRY)}/bin/java",
            "-Xmx300m",
            *SMALL_JVM,
            "-jar",
            str(settings.build / "jars" / "registry" / "quarkus-run.jar"),
        ],
        {
            "APICURIO_STORAGE_KIND": "kafkasql",
            "APICURIO_KAFKASQL_BOOTSTRAP_SERVERS": settings.bootstrap,
            "APICURIO_KAFKASQL_CONSUMER_POLL_TIMEOUT": "250",
            "APICURIO_STORAGE_SNAPSHOT_LOCATION": str(snapshots),
            "QUARKUS_HTTP_HOST": HOST,
            "QUARKUS_HTTP_PORT": str(settings.registry_port),
            "QUARKUS_MANAGEMENT_HOST": HOST,
            "QUARKUS_MANAGEMENT_PORT": str(settings.registry_management_port),
            "QUARKUS_LOG_CATEGORY__ORG_APACHE_KAFKA__LEVEL": "WARN",
            "QUARKUS_HTTP_ACCESS_LOG_ENABLED": "false",
            "QUARKUS_BANNER_ENABLED": "false",
        },
    )


def _mongo(settings: Settings) -> Command:
    mongod = shutil.which("mongod")
    return mongodb(settings, mongod) if mongod else stand_in(settings)


def mongodb(settings: Settings, mongod: str) -> Command:
    """MongoDB proper; ``mongod`` is its program."""
    folder = str(_documents(settings))
    return Command([mongod, "--dbpath", folder, "--bind_ip", HOST, "--port", str(settings.mongo_port)])


def stand_in(settings: Settings) -> Command:
    """The embedded stand-in for MongoDB, whatever is on the PATH."""
    return Command(
        [
            f"{java.home(settings, java.MONGO)}/bin/java",
            "-Xmx400m",
            "-XX:+UseSerialGC",
            "-cp",
            f"{settings.build / 'jars' / 'mongo'}/*",
            "dev.fedlog.mongo.EmbeddedMongo",
            "--data",
            str(_documents(settings) / "fedlog.h2"),
            "--host",
            HOST,
            "--port",
            str(settings.mongo_port),
        ]
    )


def _documents(settings: Settings) -> Path:
    """The folder of a document store's data, which neither makes itself."""
    folder = settings.home / "mongo"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _contracts(settings: Settings) -> Command:
    return Command([sys.executable, "-m", "infra.contracts"])


def _jobmanager(settings: Settings) -> Command:
    flink.configure(settings)
    entry = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
    return Command(flink.jvm(settings, "320m", entry, *flink.folder_of(settings)), flink.environment(settings))


def _taskmanager(settings: Settings) -> Command:
    flink.configure(settings)
    entry = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"
    argv = flink.jvm(settings, "768m", entry, *flink.folder_of(settings), tuning=flink.STEADY)
    return Command(argv, flink.environment(settings))


def _training(settings: Settings) -> Command:
    flink.configure(settings)
    argv = [sys.executable, "-m", "flink_training.submit", "--flink", settings.flink, *_log(settings)]
    argv += ["--checkpoints", str(flink.checkpoints(settings))]
    argv += ["--trainers", str(settings.parallelism)]
    argv += ["--in-step", str(settings.in_step)] if settings.in_step else []
    argv += ["--window-ms", str(settings.window_minutes * 60_000)] if settings.in_step else []
    argv += ["--bounded-models"] if settings.bounded_models else []
    argv += ["--learner", settings.learner] if settings.learner else []
    argv += ["--"]
    argv += flink.jvm(settings, "256m", "org.apache.flink.client.cli.CliFrontend")
    return Command(argv, flink.environment(settings))


def _aggregator(settings: Settings) -> Command:
    argv = [sys.executable, "-m", "aggregator_stream", "run", *_log(settings), "--port", str(settings.aggregator_port)]
    argv += ["--folder", str(settings.home / "aggregator"), *aggregation(settings)]
    argv += ["--workers"] if settings.aggregator_workers else []
    return Command(argv, ONE_THREAD)


def _aggregator_worker(name: str, settings: Settings) -> Command:
    argv = [sys.executable, "-m", "aggregator_stream", "work", *_log(settings)]
    return Command([*argv, "--folder", str(settings.home / name)], ONE_THREAD)


def aggregation(settings: Settings) -> list[str]:
    """The rules by which windows become models."""
    names = [
        *("window_minutes", "lateness_minutes", "idle_minutes", "min_contributors"),
        *("staleness_exponent", "staleness_bound", "promotion", "promotion_margin", "promotion_labels"),
        *("strategy", "strategy_parameters"),
    ]
    names += ["learner"] if settings.learner else []
    pairs = ((f"--{name.replace('_', '-')}", str(getattr(settings, name))) for name in names)
    return [argument for pair in pairs for argument in pair]


def _spark(settings: Settings) -> Command:
    argv = [settings.python("spark"), "-m", "spark_analytics", "stream", *_log(settings)]
    argv += ["--jars", str(settings.build / "jars" / "spark"), "--folder", str(settings.home / "spark")]
    argv += ["--ui-port", str(settings.spark_port), "--metrics-port", str(settings.spark_metrics_port)]
    argv += ["--trigger-seconds", str(settings.trigger_seconds), "--readings-a-batch", str(settings.readings_a_batch)]
    argv += ["--stale-after-minutes", str(settings.stale_after_minutes)]
    return Command(argv, spark_environment(settings))


def spark_environment(settings: Settings) -> dict[str, str]:
    """What Spark's processes and their Python workers find in their environment."""
    python = settings.python("spark")
    return {
        "JAVA_HOME": java.home(settings, java.SPARK),
        "PYSPARK_PYTHON": python,
        "PYSPARK_DRIVER_PYTHON": python,
        "PYTHONPATH": str(ROOT),
        "SPARK_LOCAL_IP": HOST,
        # Each worker, and again after each start, would compile the same for three seconds; what takes milliseconds,
        # too: some forty things, together more than a second. Beside what is installed, where others' programs are too.
        "JAX_COMPILATION_CACHE_DIR": str(settings.build / "xla"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        **ONE_THREAD,
    }


def _sink(settings: Settings) -> Command:
    argv = [sys.executable, "-m", "mongo_sink", "run", *sink_arguments(settings)]
    argv += ["--metrics-port", str(settings.sink_metrics_port)]
    return Command(argv)


def sink_arguments(settings: Settings) -> list[str]:
    """Where the sink reads and writes."""
    target = ["--mongo", settings.mongo_uri, "--database", settings.database, "--models", str(settings.models)]
    return [*_log(settings), *target]


def _producer(settings: Settings) -> Command:
    argv = [sys.executable, "-m", "producers", *_log(settings), "--data", settings.data, "--speed", settings.speed]
    argv += ["--cache", str(settings.cache), *(["--reader", settings.reader] if settings.reader else [])]
    argv += ["--positions", settings.positions] if settings.positions else []
    return Command(argv + (["--laps", str(settings.laps)] if settings.laps else []))


def _superset(settings: Settings) -> Command:
    return Command(
        [settings.python("superset"), str(ROOT / "infra" / "superset" / "serve.py")], superset_environment(settings)
    )


def superset_environment(settings: Settings) -> dict[str, str]:
    """What Superset needs to know; its secrets live beside its metadata, readable by the owner only."""
    folder = settings.home / "superset"
    folder.mkdir(parents=True, exist_ok=True)
    return {
        "FEDLOG_SUPERSET_HOME": str(folder),
        "FEDLOG_SUPERSET_TEMPLATES": str(settings.build / "superset"),
        "FEDLOG_SUPERSET_PORT": str(settings.superset_port),
        "FEDLOG_SUPERSET_SECRET_KEY": secrets.kept(folder / "secret_key"),
        "FEDLOG_SUPERSET_PASSWORD": secrets.kept(folder / "admin_password"),
        "FEDLOG_MONGO_URI": settings.mongo_uri,
        "FEDLOG_MONGO_DATABASE": settings.database,
        "SUPERSET_CONFIG_PATH": str(ROOT / "infra" / "superset" / "superset_config.py"),
        "PYTHONPATH": str(ROOT),
    }


def _log(settings: Settings) -> list[str]:
    """Where the log and its schemas are, as every stage takes it."""
    return ["--bootstrap", settings.bootstrap, "--registry", settings.registry]


def services(settings: Settings) -> dict[str, Service]:
    """All processes of the system by name, less those that the settings leave out or know to run elsewhere."""
    log = ("contracts",)
    # Each minute in which nothing trains yet is hours of a fast replay, which devices then catch up with on their own.
    paced = () if settings.speed == "max" else ("flink-training",)
    listed = [
        Service("kafka", _kafka, ready.kafka, (), lambda s: s.bootstrap, gives_up=False),
        Service("registry", _registry, ready.registry, ("kafka",), lambda s: s.registry, gives_up=False),
        Service("mongo", _mongo, ready.mongo, (), lambda s: s.mongo_uri, gives_up=False),
        Service("contracts", _contracts, ready.contracts, ("kafka", "registry"), once=True),
        Service("flink-jobmanager", _jobmanager, ready.jobmanager, (), lambda s: s.flink, gives_up=False),
        Service("flink-taskmanager", _taskmanager, ready.taskmanager, ("flink-jobmanager",), gives_up=False),
        Service("flink-training", _training, ready.training, (*log, "flink-taskmanager")),
        Service("aggregator", _aggregator, ready.aggregator, log, lambda s: f"http://{HOST}:{s.aggregator_port}"),
        *(
            Service(name, partial(_aggregator_worker, name), ready.running, log)
            for name in (f"aggregator-worker-{n + 1}" for n in range(settings.aggregator_workers))
        ),
        Service("spark", _spark, ready.spark, log, lambda s: f"http://{HOST}:{s.spark_port}", finishes=True),
        Service("sink", _sink, ready.sink, (*log, "mongo"), failed=ready.sink_failed),
        Service("superset", _superset, ready.superset, ("mongo",), lambda s: f"http://{HOST}:{s.superset_port}"),
        Service("producer", _producer, ready.producer, (*log, *paced)),
    ]
    left_out = {*settings.without.split(","), *settings.elsewhere}
    return {service.name: service for service in listed if service.name not in left_out}


def needed_by(settings: Settings, names: Iterable[str]) -> set[str]:
    """The services without which some cannot do their work, and those that these need in turn."""
    listed, found, left = services(settings), set[str](), list(names)
    while left:
        name = left.pop()
        new = set(listed[name].needs if name in listed else ()) - found
        found |= new
        left += new
    return found


def folder(settings: Settings, name: str) -> Path:
    """Where a service's log files go."""
    return Path(os.fspath(settings.home)) / "logs" / f"{name}.log"
