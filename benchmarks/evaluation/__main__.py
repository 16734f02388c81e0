"""``make bench-evaluation``: Spark's evaluators beside their baselines, on the same readings, in one run."""

import json
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import click
import numpy as np
import psutil

from forecaster import weights
from forecaster.config import Config
from forecaster.knowledge import architecture, initial
from infra import contracts
from infra.services import spark_environment
from infra.settings import ROOT, Settings
from infra.standalone import isolated, serving
from schemas.events import GlobalModel
from spark_analytics.emitting import emit

BAR = 50_000
"""Readings a second that batch evaluation is to reach on two cores."""
FACTOR = 20
"""Times as many as one UDF call a row."""


@click.command()
@click.option("--data", required=True, type=click.Path(exists=True, path_type=Path), help="Raw file, .txt or .gz.")
@click.option("--laps", default=4, show_default=True, help="How often the file is on the topic.")
@click.option("--format", "format_", type=click.Choice(["table", "json"]), default="table", show_default=True)
def main(data: Path, laps: int, format_: str) -> None:
    """Readings a second of each way."""
    home = Path(tempfile.mkdtemp(prefix="fedlog-bench-"))
    settings = isolated(home, data=str(data.resolve()), speed="max", laps=laps)
    try:
        with serving(settings, "kafka", "registry"):
            contracts.establish(settings)
            with serving(settings, "producer") as producing:
                producing["producer"].wait()
            emit([model()], settings.bootstrap, settings.registry)
            found = in_spark(settings, home)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    if format_ == "json":
        click.echo(json.dumps(found, indent=1))
        return
    click.echo(f"{psutil.cpu_count()} cores, {platform.machine()}, {data.name}, {found['readings']:,} readings")
    for name, told in (
        ("batch", "topic to topic: read, decoded, evaluated, encoded, acknowledged"),
        ("spark", "the same file to forecasts, on Spark"),
        ("plain_jax", "the same file to forecasts, one process without Spark"),
        ("row_udf", f"the same to forecasts, Spark with one UDF call a row, two partitions; {found['rows']:,} rows"),
    ):
        late = "" if name != "batch" or found[name] >= BAR else f"   under {BAR:,}"
        click.echo(f"{name:<12}{found[name]:>10,.0f} readings/s   {told}{late}")
    factor = found["spark"] / found["row_udf"]
    click.echo(f"Spark in batches is {factor:.0f} times Spark row by row (bar {FACTOR})")
    click.echo(f"largest difference of a forecast between Spark and plain JAX: {found['difference']:.1e}")
    click.echo(f"the same between Spark row by row and plain JAX: {found['row_difference']:.1e}")


def model() -> GlobalModel:
    """A version 1 that is near the beginning: what it knows costs what any would."""
    config = Config()
    start = weights.flat_from_bytes(config, weights.to_bytes(initial(config)))
    moved = start + np.random.default_rng(0).normal(0, 0.01, len(start)).astype(np.float32)
    return GlobalModel(
        *("fleet", 1, 0, 0, 1_800_000, "fedavg", {}, architecture(config), weights.flat_to_bytes(config, moved)),
        *((), 0, (), "promoted", {}, "benchmark"),
    )


def in_spark(settings: Settings, home: Path) -> dict[str, Any]:
    """What the script says that runs in Spark's environment."""
    argv = [settings.python("spark"), "-m", "benchmarks.evaluation.in_spark", settings.bootstrap, settings.registry]
    argv += [str(settings.build / "jars" / "spark"), str(home)]
    environment = {**os.environ, **spark_environment(settings)}
    done = subprocess.run(argv, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    main()
