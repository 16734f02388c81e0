"""Spark's command line."""

import logging
from pathlib import Path

import click

from spark_analytics import batch as batch_of
from spark_analytics import stream as stream_of

FOLDER = click.Path(path_type=Path)


@click.group()
def main() -> None:
    """Evaluate global models on Spark."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for chatty in ("httpx", "httpx2", "py4j"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


@main.command()
@click.option("--bootstrap", required=True, help="Kafka, host:port.")
@click.option("--registry", required=True, help="The schema registry's Confluent API, a URL.")
@click.option("--jars", required=True, type=FOLDER, help="Folder of the Kafka connector's jars.")
@click.option("--folder", required=True, type=FOLDER, help="For the checkpoint.")
@click.option("--ui-port", default=4040, show_default=True)
@click.option("--trigger-seconds", default=5, show_default=True)
def stream(bootstrap: str, registry: str, jars: Path, folder: Path, ui_port: int, trigger_seconds: int) -> None:
    """Evaluate readings as they come, each micro-batch with the model that the fleet stands on."""
    stream_of.run(bootstrap, registry, jars, folder, ui_port, trigger_seconds)


@main.command()
@click.option("--bootstrap", required=True, help="Kafka, host:port.")
@click.option("--registry", required=True, help="The schema registry's Confluent API, a URL.")
@click.option("--jars", required=True, type=FOLDER, help="Folder of the Kafka connector's jars.")
@click.option("--version", type=int, help="Of the model; if not given, the one that the fleet stands on.")
def batch(bootstrap: str, registry: str, jars: Path, version: int | None) -> None:
    """Evaluate every reading on the topic with one model."""
    try:
        errors = batch_of.run(bootstrap, registry, jars, version)
    except batch_of.NoModelError as error:
        raise click.ClickException(str(error)) from error
    click.echo(batch_of.report(errors))


if __name__ == "__main__":
    main()
