"""The aggregator's command line."""

import logging
import sys
from pathlib import Path
from typing import Any

import click
from confluent_kafka import KafkaException

from aggregator_stream import commanding, recheck
from aggregator_stream.app import create, work
from aggregator_stream.fold.commands import RELEASE, ROLLBACK
from aggregator_stream.lineage.command import run as trace
from aggregator_stream.options import rules, with_rules
from aggregator_stream.workers.app import create as create_worker
from forecaster.config import Config
from schemas import log_lines

BOOTSTRAP = click.option("--bootstrap", required=True, help="Kafka, host:port.")
REGISTRY = click.option("--registry", required=True, help="The schema registry's Confluent API, a URL.")


@click.group()
def main() -> None:
    """Make global models of local updates, and look at what was made."""


@main.command()
@BOOTSTRAP
@REGISTRY
@click.option("--port", default=6066, show_default=True, help="Of the API, on loopback.")
@click.option("--folder", required=True, type=click.Path(path_type=Path), help="For Faust's own files.")
@click.option("--token", envvar="FEDLOG_AGGREGATOR_TOKEN", help="That writing through the API takes.")
@click.option("--workers/--alone", default=False, show_default=True, help="Whether `work` processes sum windows up.")
@with_rules
def run(
    bootstrap: str, registry: str, port: int, folder: Path, token: str | None, workers: bool, **options: Any
) -> None:
    """Aggregate local updates into global models until told to stop."""
    _logging()
    work(create(rules(**options), bootstrap, registry, port, folder, token, workers=workers))


@main.command("work")
@BOOTSTRAP
@REGISTRY
@click.option("--folder", required=True, type=click.Path(path_type=Path), help="For Faust's own files.")
def sum_up(bootstrap: str, registry: str, folder: Path) -> None:
    """Sum up parts of windows for a `run --workers`, until told to stop."""
    _logging()
    work(create_worker(Config(), bootstrap, registry, folder))


def _logging() -> None:
    log_lines.begin("aggregator", logging.WARNING)
    logging.getLogger("aggregator_stream").setLevel(logging.INFO)


@main.command()
@BOOTSTRAP
@REGISTRY
def verify(bootstrap: str, registry: str) -> None:
    """Make every global model again from its recorded members, and compare every byte."""
    checked = mismatches = 0
    for model, wrong in recheck.run(bootstrap, registry):
        checked += 1
        mismatches += bool(wrong)
        for sentence in wrong:
            click.echo(f"version {model.version}: {sentence}")
    click.echo(f"{checked} versions made again, {checked - mismatches} equal to the byte, {mismatches} not")
    if mismatches:
        sys.exit(1)


@main.command()
@BOOTSTRAP
@REGISTRY
@click.option("--prediction", required=True, help="Its prediction_id.")
@click.option("--depth", default=1, show_default=True, type=click.IntRange(1), help="Versions shown in full.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table")
def lineage(bootstrap: str, registry: str, prediction: str, depth: int, form: str) -> None:
    """From a prediction back to the readings behind it, every link checked."""
    sys.exit(trace(bootstrap, registry, prediction, depth, form))


@main.command()
@BOOTSTRAP
@REGISTRY
@click.option("--version", type=int, help="To stand on; none: a release.")
@click.option("--reason", default="an operator's wish", show_default=True)
@click.option("--patience", default=60.0, show_default=True, help="Seconds to wait for the answer.")
def rollback(bootstrap: str, registry: str, version: int | None, reason: str, patience: float) -> None:
    """Have devices and Spark stand on an older version, whatever comes, until they are released."""
    action = RELEASE if version is None else ROLLBACK
    try:
        answer = commanding.issue(bootstrap, registry, commanding.command(action, version or 0, reason), patience)
    except (commanding.RefusedError, TimeoutError, KafkaException) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"version {answer.version} says so: everybody stands on version {answer.champion}")


if __name__ == "__main__":
    main()
