"""``make bench``: the training job beside its baselines, in one run."""

import json
import platform
from pathlib import Path

import click
import psutil

from benchmarks.throughput import breakdown, latency, pipeline, plain, river_mlp
from benchmarks.throughput.sustained import Rate


@click.command()
@click.option("--data", required=True, type=click.Path(exists=True, path_type=Path), help="Raw file, .txt or .gz.")
@click.option("--laps", default=8, show_default=True, help="How often the file is on the topic.")
@click.option("--format", "format_", type=click.Choice(["table", "json"]), default="table", show_default=True)
def main(data: Path, laps: int, format_: str) -> None:
    """Readings a second of the job and of its baselines, where the job's time goes, how long an update takes."""
    job = pipeline.run(data, laps)
    naive = pipeline.run(data, 1, script=Path(__file__).with_name("call_a_reading.py"), at_most=pipeline.NAIVE)
    rates = {
        "job": job,
        "call_a_reading": naive,
        "plain_jax_vmap": Rate(plain.run(data), 0.0, {}),
        "river_mlp": Rate(river_mlp.run(data), 0.0, {}),
    }
    parts = where(job, breakdown.run(data))
    live = latency.run(data)
    if format_ == "json":
        rows = {name: rate._asdict() for name, rate in rates.items()}
        click.echo(json.dumps({**rows, "cpu_us_per_reading": parts, "reading_to_update": live._asdict()}, indent=1))
        return
    click.echo(f"{psutil.cpu_count()} cores, {platform.machine()}, {data.name}")
    for name, rate in rates.items():
        busy = ", ".join(f"{group} {cores:.2f}" for group, cores in rate.cores.items())
        click.echo(f"{name:<16}{rate.readings_per_s:>10,.0f} readings/s" + (f"   cores busy: {busy}" if busy else ""))
    click.echo(f"the job is {job.readings_per_s / naive.readings_per_s:.1f} times one call a reading")
    click.echo("CPU of the job, µs a reading: " + ", ".join(f"{name} {us:.1f}" for name, us in parts.items()))
    click.echo(
        f"from reading to update at speed {live.speed}: p50 {live.p50_ms:.0f} ms, p99 {live.p99_ms:.0f} ms "
        f"({live.updates} updates)"
    )


def where(job: Rate, inside: dict[str, float]) -> dict[str, float]:
    """CPU microseconds of the job for each reading: of the broker and the JVM, and of what Python does.

    What its workers use beyond the parts that are timed by themselves is transfer, PyFlink and encoding.
    """
    spent = {group: cores / job.readings_per_s * 1e6 for group, cores in job.cores.items()}
    transfer = spent["python"] - sum(inside.values())
    return {"kafka": spent["kafka"], "jvm": spent["flink"], **inside, "transfer": transfer}


if __name__ == "__main__":
    main()
