"""``make bench``: the training job beside its baselines, in one run."""

import json
import platform
from pathlib import Path

import click
import psutil

from benchmarks.throughput import pipeline, plain
from benchmarks.throughput.sustained import Rate


@click.command()
@click.option("--data", required=True, type=click.Path(exists=True, path_type=Path), help="Raw file, .txt or .gz.")
@click.option("--laps", default=3, show_default=True, help="How often the file is on the topic.")
@click.option("--format", "format_", type=click.Choice(["table", "json"]), default="table", show_default=True)
def main(data: Path, laps: int, format_: str) -> None:
    """Readings a second of the job, of one call a reading, and of plain JAX."""
    job = pipeline.run(data, laps)
    naive = pipeline.run(data, 1, script=Path(__file__).with_name("call_a_reading.py"), at_most=pipeline.NAIVE)
    rates = {"job": job, "call_a_reading": naive, "plain_jax_vmap": Rate(plain.run(data), 0.0, {})}
    if format_ == "json":
        click.echo(json.dumps({name: rate._asdict() for name, rate in rates.items()}, indent=1))
        return
    click.echo(f"{psutil.cpu_count()} cores, {platform.machine()}, {data.name}")
    for name, rate in rates.items():
        busy = ", ".join(f"{group} {cores:.2f}" for group, cores in rate.cores.items())
        click.echo(f"{name:<16}{rate.readings_per_s:>10,.0f} readings/s" + (f"   cores busy: {busy}" if busy else ""))
    click.echo(f"the job is {job.readings_per_s / naive.readings_per_s:.1f} times one call a reading")


if __name__ == "__main__":
    main()
