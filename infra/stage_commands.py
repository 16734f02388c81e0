"""Commands that a stage has itself: given where this system's servers are, and the environment that the stage has."""

import os
import subprocess
import sys
from contextlib import nullcontext

import click

from infra import checkpoints, supervision
from infra.console import say
from infra.services import sink_arguments, spark_environment
from infra.settings import Settings
from infra.threads import ONE_THREAD


@click.command()
@click.option("--version", help="Of the model; if not given, the one that the fleet stands on.")
@click.option("--since", help="Forecasts made from this moment of event time on, ISO 8601, UTC.")
@click.option("--until", help="Forecasts made before this moment of event time.")
@click.option("--starts", help="Forecasts from readings from these offsets on, PARTITION:OFFSET joined by commas.")
@click.option("--ends", help="Where to stop reading, PARTITION:OFFSET joined by commas.")
@click.option("--format", type=click.Choice(["table", "json"]), default="table")
def batch(**options: str | None) -> None:
    """Evaluate readings on the topic with one global model, and say how good it is."""
    sys.exit(_spark("batch", **options))


@click.command()
@click.option("--source", default="local", show_default=True, help="Of the predictions that episodes are made of.")
@click.option("--version", help="Of the model, with batch; if not given, the newest that there are predictions of.")
def analytics(source: str, version: str | None) -> None:
    """Write what there is to be said of the fleet's days that are over."""
    sys.exit(_spark("analytics", source=source, version=version, positions=Settings().positions))


@click.command()
@click.option("--out", help="Where to write the page; if not given, report.html in the system's home.")
@click.option("--devices", help="To show in detail, joined by commas; if not given, the worst, the median, the best.")
@click.option("--since", help="Forecasts made from this moment of event time on, ISO 8601, UTC.")
@click.option("--until", help="Forecasts made before this moment of event time.")
@click.option("--ends", help="Where to stop reading, TOPIC:PARTITION:OFFSET joined by commas.")
def report(out: str | None, **options: str | None) -> None:
    """Write a page with plots of what was forecast, and how well."""
    sys.exit(_spark("report", out=out or str(Settings().home / "report.html"), **options))


def _spark(command: str, **options: str | None) -> int:
    """A command of Spark's, with those options that are given."""
    settings = Settings()
    argv = [settings.python("spark"), "-m", "spark_analytics", command, "--bootstrap", settings.bootstrap]
    argv += ["--registry", settings.registry, "--jars", str(settings.build / "jars" / "spark")]
    argv += [part for name, value in options.items() if value for part in (f"--{name}", value)]
    return subprocess.run(argv, env={**os.environ, **spark_environment(settings)}, check=False).returncode


@click.command()
def verify() -> None:
    """Make every global model again from its recorded members, and every view from the topics, and compare both."""
    sys.exit(_aggregator("verify") | _sink("verify"))


@click.command()
@click.argument("prediction")
@click.option("--depth", default=1, show_default=True, type=click.IntRange(1))
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table")
def lineage(prediction: str, depth: int, form: str) -> None:
    """From a prediction back to the readings behind it, every link checked."""
    sys.exit(_aggregator("lineage", "--prediction", prediction, "--depth", str(depth), "--format", form))


@click.command()
@click.argument("version", type=int)
@click.option("--reason", default="an operator's wish", show_default=True)
def rollback(version: int, reason: str) -> None:
    """Have devices and Spark stand on a version, whatever comes, until they are released."""
    sys.exit(_aggregator("rollback", "--version", str(version), "--reason", reason))


@click.command()
@click.option("--reason", default="an operator's wish", show_default=True)
def release(reason: str) -> None:
    """Have devices and Spark stand on the newest version again."""
    sys.exit(_aggregator("rollback", "--reason", reason))


def _aggregator(command: str, *arguments: str) -> int:
    """A command of the aggregator's, in an environment as its own: the same bits come out."""
    settings = Settings()
    argv = [sys.executable, "-m", "aggregator_stream", command, "--bootstrap", settings.bootstrap]
    argv += ["--registry", settings.registry, *arguments]
    return subprocess.run(argv, env={**os.environ, **ONE_THREAD}, check=False).returncode


@click.command()
@click.option("--view", default="all", show_default=True, help="mongo, models, a connector's name, or checkpoints.")
@click.option("--into", help="Build it in a database of this name, beside the sink's.")
@click.option("--as-of", help="With --into: as it was at a version, topic/partition/offset, or time.")
def replay(view: str, into: str | None, as_of: str | None) -> None:
    """Drop the views and rebuild them from the topics, or build them elsewhere as they were."""
    if view == "checkpoints":
        began = checkpoints.drop(Settings())
        where = "`make status` says where they are." if began else "they do so when they are started."
        say(f"Flink and Spark begin at the topics' beginnings: {where}")
        return
    asked = ["--view", view, *(["--into", into] if into else []), *(["--as-of", as_of] if as_of else [])]
    sys.exit(_sink("replay", *asked, paused=not into))


@click.command()
@click.option("--letter", help="Only this one (letter_id).")
@click.option("--topic", help="Only those of records of this topic.")
def redrive(letter: str | None, topic: str | None) -> None:
    """Put records that became dead letters of the sink into its views after all."""
    sys.exit(_sink("redrive", *(["--letter", letter] if letter else []), *(["--topic", topic] if topic else [])))


def _sink(command: str, *arguments: str, paused: bool = True) -> int:
    """A command of the sink's, while the sink itself is paused."""
    settings = Settings()
    argv = [sys.executable, "-m", "mongo_sink", command, *sink_arguments(settings), *arguments]
    with supervision.paused(settings, "sink") if paused else nullcontext():
        return subprocess.run(argv, check=False).returncode


ALL = (batch, analytics, report, verify, lineage, rollback, release, replay, redrive)
