"""One Spark in this process: local, on loopback, small."""

import logging
import os
import signal
import subprocess
import threading
from pathlib import Path

from pyspark.sql import SparkSession

from spark_analytics import class_archive

logger = logging.getLogger(__name__)

CORES = 2
MUCH = 500_000
"""Records from which on a compiler is worth while that takes longer and whose code is faster: with few, a third of a
job's CPU time went into it; of 1,492,780 readings, a batch evaluated 125,000 a second with it and 83,000 without."""


def start(name: str, jars: Path, folder: Path, ui_port: int | None, records: int | None = None) -> SparkSession:
    """A session that ends the process when its JVM dies; the arguments are those of ``opened``."""
    session = opened(name, jars, folder, ui_port, records, class_archive.used(class_archive.beside(jars)))
    _end_with(jvm_of(session))
    return session


def opened(name: str, jars: Path, folder: Path, ui_port: int | None, records: int | None, archive: str) -> SparkSession:
    """A session with Kafka's connector.

    Args:
        name: of the application.
        jars: folder of the connector's jars.
        folder: for Spark's own files.
        ui_port: of the web interface; ``None`` for none.
        records: to go through, by what is no stream and has more heap (of the JVM, which with ``local`` is driver and
            executor); ``None`` of a stream.
        archive: the JVM's options about an archive of its classes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    many = records is not None and records >= MUCH
    tuning = "-XX:+UseParallelGC" if many else "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"
    options = {
        "spark.jars": ",".join(str(jar) for jar in sorted(jars.glob("*.jar"))),
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.memory": "700m" if records is None else "2g",
        "spark.driver.extraJavaOptions": f"-Xss1m {tuning} {archive}",
        "spark.python.daemon.module": "spark_analytics.workers",
        "spark.ui.enabled": str(ui_port is not None).lower(),
        "spark.ui.port": str(ui_port or 0),
        "spark.ui.host": "127.0.0.1",
        "spark.ui.showConsoleProgress": "false",
        "spark.ui.retainedJobs": "20",
        "spark.ui.retainedStages": "20",
        "spark.sql.ui.retainedExecutions": "10",
        "spark.local.dir": str(folder / "local"),
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.streaming.stateStore.providerClass": (
            "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider"
        ),
        # What has changed, and now and then all of it: a batch is over sooner.
        "spark.sql.streaming.stateStore.rocksdb.changelogCheckpointing.enabled": "true",
        "spark.sql.streaming.minBatchesToRetain": "10",
        "spark.sql.streaming.numRecentProgressUpdates": "5",
    }
    builder = SparkSession.builder.master(f"local[{CORES}]").appName(name)
    for option, value in options.items():
        builder = builder.config(option, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("WARN")
    return session


def jvm_of(session: SparkSession) -> subprocess.Popen[bytes]:
    """The process that does the work."""
    process: subprocess.Popen[bytes] = session.sparkContext._gateway.proc
    return process


def _end_with(jvm: subprocess.Popen[bytes]) -> None:
    """End this process at once when its JVM has: py4j would wait for it for ever."""

    def watch() -> None:
        code = jvm.wait()
        logger.error("Spark's JVM has ended with %s", code)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()
