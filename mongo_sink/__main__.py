"""The sink's command line."""

import logging
import signal
from collections.abc import Callable
from pathlib import Path
from threading import Event as Signal
from typing import Any

import click
from pymongo.errors import PyMongoError

from mongo_sink import config, views
from mongo_sink.replay import SinkRunningError
from mongo_sink.replay import replay as replay_views
from mongo_sink.run import run as run_connectors
from mongo_sink.task import Properties, StoppedWaitingError

BOOTSTRAP = click.option("--bootstrap", required=True, help="Kafka, host:port.")
REGISTRY = click.option("--registry", required=True, help="The schema registry's Confluent API, a URL.")
VIEW = click.option("--view", type=click.Choice(list(views.VIEWS)), default="all", show_default=True)


def connector_options(command: Callable[..., None]) -> Callable[..., None]:
    """What says where the connectors write: the command line before the connector's file."""
    for option in (
        click.option("--mongo", "uri", help="connection.uri of every Mongo connector."),
        click.option("--database", help="database of every Mongo connector."),
        click.option("--models", type=click.Path(path_type=Path), help="models.directory of the model file connector."),
        click.option(
            "--config-dir",
            type=click.Path(exists=True, file_okay=False, path_type=Path),
            default=config.CONNECTORS,
            help="A folder of connectors, a JSON file each.",
        ),
    ):
        command = option(command)
    return command


@click.group(context_settings={"show_default": True})
def main() -> None:
    """Views of the log in MongoDB and in model files."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for chatty in ("httpx2", "pymongo"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


@main.command()
@BOOTSTRAP
@REGISTRY
@connector_options
def run(bootstrap: str, registry: str, **options: Any) -> None:
    """Run all connectors until told to stop."""
    run_connectors(_connectors(**options), bootstrap, registry, _stopping())


@main.command()
@BOOTSTRAP
@REGISTRY
@connector_options
@VIEW
@click.option("--digest/--no-digest", default=True, help="Print the view's digests at the end: reads it all once.")
def replay(bootstrap: str, registry: str, view: str, digest: bool, **options: Any) -> None:
    """Delete a view and rebuild it from the log; the sink must not be running, and goes on from there."""
    connectors = views.of_view(_connectors(**options), view)
    try:
        replay_views(connectors, bootstrap, registry, _stopping())
    except (SinkRunningError, StoppedWaitingError) as error:
        raise click.ClickException(str(error)) from error
    if digest:
        _show(connectors)


@main.command()
@connector_options
@VIEW
def digest(view: str, **options: Any) -> None:
    """Print how many documents each collection holds, and a hash over them; the same for the model files."""
    _show(views.of_view(_connectors(**options), view))


def _connectors(uri: str | None, database: str | None, models: Path | None, config_dir: Path) -> list[Properties]:
    mongo = {"connection.uri": uri, "database": database}
    given: dict[str, Properties] = {
        "MongoSinkConnector": {key: value for key, value in mongo.items() if value is not None},
        "ModelFileSinkConnector": {} if models is None else {"models.directory": str(models)},
    }
    try:
        return config.load(config_dir, given)
    except config.ConfigError as error:
        raise click.ClickException(str(error)) from error


def _show(connectors: list[Properties]) -> None:
    try:
        for properties in connectors:
            for name, (count, sha256) in views.digests(properties).items():
                click.echo(f"{name} {count} {sha256}")
    except PyMongoError as error:
        raise click.ClickException(f"MongoDB: {error}") from error


def _stopping() -> Signal:
    """Set by SIGTERM and by Ctrl-C."""
    stopping = Signal()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    return stopping


if __name__ == "__main__":
    main()
