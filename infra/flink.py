"""A Flink session cluster on loopback, from the jars inside the apache-flink package."""

import os
from collections.abc import Sequence
from pathlib import Path

import yaml

from flink_training import STATE_VERSION
from infra import java
from infra.settings import HOST, ROOT, Settings
from infra.threads import ONE_THREAD


def distribution(settings: Settings) -> Path:
    """FLINK_HOME: the pyflink package's own folder."""
    return next((settings.build / "env" / "core" / "lib").glob("python3*/site-packages/pyflink"))


def checkpoints(settings: Settings) -> Path:
    """Where checkpoints of the training job lie that it can go on from: of this version of its state, and its kind."""
    return settings.home / "flink" / "checkpoints" / f"state-{STATE_VERSION}-{settings.state}"


def configure(settings: Settings) -> Path:
    """Write Flink's configuration; return its folder."""
    folder = settings.home / "flink"
    packaged = yaml.safe_load((distribution(settings) / "conf" / "config.yaml").read_text())
    configuration = {
        "env.java.opts.all": packaged["env"]["java"]["opts"]["all"],
        "jobmanager.rpc.address": HOST,
        "jobmanager.rpc.port": settings.flink_rpc_port,
        "jobmanager.bind-host": HOST,
        "rest.address": HOST,
        "rest.bind-address": HOST,
        "rest.port": settings.flink_port,
        "taskmanager.host": HOST,
        "taskmanager.bind-host": HOST,
        "taskmanager.numberOfTaskSlots": settings.parallelism,
        "parallelism.default": settings.parallelism,
        # Started without Flink's shell scripts, a TaskManager must be told how its memory is divided.
        "taskmanager.cpu.cores": float(settings.parallelism),
        "taskmanager.memory.framework.heap.size": "128m",
        "taskmanager.memory.task.heap.size": "256m",
        "taskmanager.memory.framework.off-heap.size": "128m",
        "taskmanager.memory.task.off-heap.size": "0b",
        "taskmanager.memory.network.min": "64m",
        "taskmanager.memory.network.max": "64m",
        "taskmanager.memory.managed.size": "64m",
        "taskmanager.memory.jvm-metaspace.size": "256m",
        "taskmanager.memory.jvm-overhead.min": "128m",
        "taskmanager.memory.jvm-overhead.max": "128m",
        "python.fn-execution.memory.managed": False,
        # The state of 54 devices is some MB: on the heap it is fastest. RocksDB is for fleets that do not fit there.
        "state.backend.type": settings.state,
        "execution.checkpointing.incremental": settings.state == "rocksdb",
        "execution.checkpointing.dir": checkpoints(settings).as_uri(),
        "execution.checkpointing.interval": f"{settings.checkpoint_seconds}s",
        "execution.checkpointing.mode": "AT_LEAST_ONCE",
        "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
        "execution.checkpointing.num-retained": 2,
        # No operator changes what it is given, so the next in a chain need not have a copy.
        "pipeline.object-reuse": True,
        "restart-strategy.type": "fixed-delay",
        "restart-strategy.fixed-delay.attempts": 2147483647,
        "restart-strategy.fixed-delay.delay": "2s",
        # A bundle is flushed after this long: the live latency from a reading to its forecast.
        "python.fn-execution.bundle.time": 200,
        "python.executable": settings.python("core"),
        "python.client.executable": settings.python("core"),
        "io.tmp.dirs": str(folder / "tmp"),
        # A task whose Python side does not end takes its TaskManager with it, which is then started again.
        "task.cancellation.timeout": 20_000,
        "heartbeat.timeout": "20s",
        "heartbeat.interval": "5s",
        # On one machine, who is asked for is there within seconds or not at all: ask again soon.
        "cluster.registration.error-delay": "1s",
        "cluster.registration.max-timeout": "4s",
    }
    (folder / "tmp").mkdir(parents=True, exist_ok=True)
    (folder / "conf").mkdir(exist_ok=True)
    (folder / "conf" / "config.yaml").write_text(yaml.safe_dump(configuration, width=10_000))
    return folder / "conf"


def environment(settings: Settings) -> dict[str, str]:
    """What Flink's processes and their Python workers find in their environment."""
    return {
        "JAVA_HOME": java.home(settings, java.FLINK),
        "FLINK_HOME": str(distribution(settings)),
        "FLINK_CONF_DIR": str(settings.home / "flink" / "conf"),
        "FLINK_OPT_DIR": str(distribution(settings) / "opt"),
        "FLINK_LIB_DIR": str(distribution(settings) / "lib"),
        "PYTHONPATH": str(ROOT),
        "PATH": os.pathsep.join([str(Path(settings.python("core")).parent), os.environ["PATH"]]),
        **ONE_THREAD,  # in each worker: the slots are the parallelism
    }


def folder_of(settings: Settings) -> list[str]:
    """How a cluster process is told where its configuration is."""
    return ["--configDir", str(settings.home / "flink" / "conf")]


QUICK = ("-XX:TieredStopAtLevel=1",)
"""For a process that starts often or does little: code that is compiled fast."""
STEADY = ("-Xmn320m",)
"""For one that works for days: code that runs fast, and room for what is soon garbage, a batch of every device."""


def jvm(settings: Settings, heap: str, main: str, *arguments: str, tuning: Sequence[str] = QUICK) -> list[str]:
    """One of the cluster's processes as a command line."""
    home = distribution(settings)
    python = next((home / "opt").glob("flink-python-*.jar"))
    jars = f"{home / 'lib'}/*:{python}:{settings.build / 'jars' / 'flink'}/*"
    conf = settings.home / "flink" / "conf"
    options = yaml.safe_load((conf / "config.yaml").read_text())["env.java.opts.all"].split()
    logging = f"-Dlog4j.configurationFile={ROOT / 'infra' / 'jvm' / 'flink' / 'log4j.properties'}"
    binary = f"{java.home(settings, java.FLINK)}/bin/java"
    return [
        binary,
        f"-Xmx{heap}",
        "-XX:+UseSerialGC",
        *tuning,
        "-XX:MaxMetaspaceSize=256m",
        *options,
        logging,
        "-cp",
        jars,
        main,
        *arguments,
    ]
