"""The training job on servers of its own: Kafka → Flink → JAX → Kafka, on a topic that is already full."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import psutil

from benchmarks.throughput.sustained import Rate, counting, rate, samples
from infra import contracts, flink
from infra.settings import Settings
from infra.standalone import isolated, serving

NAIVE = 20_000
"""Readings given to a baseline that takes so long for each."""


def run(data: Path, laps: int, script: Path | None = None, at_most: int | None = None) -> Rate:
    """Produce ``laps`` of a raw file as fast as possible, then let the job, or the one in ``script``, train on them.

    Args:
        data: the raw file.
        laps: how often it is on the topic.
        script: a PyFlink job that takes ``--bootstrap``, ``--registry`` and ``--trainers``.
        at_most: readings after which the rate is taken, where not all are waited for.
    """
    home = Path(tempfile.mkdtemp(prefix="fedlog-bench-"))
    settings = isolated(home, data=str(data.resolve()), speed="max", laps=laps)
    try:
        with serving(settings, "kafka", "registry") as log, counting(settings) as ends:
            contracts.establish(settings)
            with serving(settings, "producer") as producing:
                producing["producer"].wait()
            readings = ends("iot_stream")
            with serving(settings, "flink-jobmanager", "flink-taskmanager") as cluster, ExitStack() as stack:
                worker = psutil.Process(cluster["flink-taskmanager"].pid)
                groups = {
                    "kafka": lambda: [psutil.Process(log["kafka"].pid)],
                    "flink": lambda: [worker],
                    "python": lambda: _python(worker),
                }
                if script is None:
                    stack.enter_context(serving(settings, "flink-training"))
                else:
                    submit(script, settings)
                taken = samples(lambda: ends("predictions"), groups, at_most)
                return rate(taken, readings if at_most is None else taken[-1].records)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def submit(script: Path, settings: Settings) -> None:
    """Hand a job to the cluster."""
    client = flink.jvm(settings, "256m", "org.apache.flink.client.cli.CliFrontend")
    options = ["--bootstrap", settings.bootstrap, "--registry", settings.registry]
    subprocess.run(
        [
            *(*client, "run", "--detached", "--jobmanager", settings.flink.removeprefix("http://")),
            *("--python", str(script), *options, "--trainers", str(settings.parallelism)),
        ],
        env={**os.environ, **flink.environment(settings)},
        check=True,
        stdout=subprocess.DEVNULL,
    )


def _python(worker: psutil.Process) -> Sequence[psutil.Process]:
    """The Python workers that a TaskManager has started."""
    return [child for child in worker.children(recursive=True) if "python" in child.name()]
