"""The sink's command line."""

import logging
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event as Signal
from typing import Any

import click
from confluent_kafka import KafkaError, KafkaException
from pymongo.errors import PyMongoError

from mongo_sink import config, connector_files, interpreter, views
from mongo_sink.as_of import UnknownMomentError, resolve
from mongo_sink.comparison import digests
from mongo_sink.preparing import PreparationError
from mongo_sink.redrive import redrive as redrive_letters
from mongo_sink.replay import SinkRunningError, build, spans_of
from mongo_sink.replay import replay as replay_views
from mongo_sink.run import TasksFailedError
from mongo_sink.run import run as run_connectors
from mongo_sink.task import Properties, StoppedWaitingError
from mongo_sink.verification import verify as verify_views
from mongo_sink.whose_log import OtherLogError
from schemas import log_lines
from schemas.topics import TOPICS

LOG = logging.getLogger("mongo_sink")
GIVE_UP = 2
"""Exit status of what another start would not mend."""
SENTENCES = (
    *(SinkRunningError, StoppedWaitingError, UnknownMomentError, OtherLogError, PreparationError),
    config.ConfigError,
)
"""Errors that say in a sentence what is wrong, and what to do."""
BOOTSTRAP = click.option("--bootstrap", required=True, help="Kafka, host:port.")
REGISTRY = click.option("--registry", required=True, help="The schema registry's Confluent API, a URL.")
VIEW = click.option("--view", default="all", show_default=True, help="mongo, models, all, or a connector's name.")


def connector_options(command: Callable[..., None]) -> Callable[..., None]:
    """What says where the connectors write: the command line before the connector's file."""
    for option in (
        click.option("--mongo", "uri", help="connection.uri of every Mongo connector."),
        click.option("--database", help="database of every Mongo connector."),
        click.option("--models", type=click.Path(path_type=Path), help="models.directory of the model file connector."),
        click.option(
            "--config-dir",
            type=click.Path(exists=True, file_okay=False, path_type=Path),
            default=connector_files.CONNECTORS,
            help="A folder of connectors, a JSON file each.",
        ),
    ):
        command = option(command)
    return command


@click.group(context_settings={"show_default": True})
def main() -> None:
    """Views of the log in MongoDB and in model files."""
    log_lines.begin("sink")
    interpreter.tune()


@main.command()
@BOOTSTRAP
@REGISTRY
@connector_options
@click.option("--metrics-port", default=0, help="Of loopback, for Prometheus; 0: none.")
def run(bootstrap: str, registry: str, metrics_port: int, **options: Any) -> None:
    """Run all connectors until told to stop."""
    try:
        run_connectors(_connectors(**options), bootstrap, registry, _stopping(), metrics_port)
    except (OtherLogError, TasksFailedError, config.ConfigError) as error:
        if log_lines.as_json():
            LOG.error("%s", error)
        else:
            click.echo(f"Error: {error}", err=True)
        sys.exit(GIVE_UP)


@main.command()
@BOOTSTRAP
@REGISTRY
@connector_options
@VIEW
@click.option("--into", help="Build it in this database, beside the sink's; model files in a folder of that name.")
@click.option("--as-of", help="With --into: as it was then. A version, topic/partition/offset, or a time (ISO 8601).")
@click.option("--digest/--no-digest", default=True, help="Print the view's digests at the end: reads it all once.")
def replay(
    bootstrap: str, registry: str, view: str, into: str | None, as_of: str | None, digest: bool, **options: Any
) -> None:
    """Delete a view and rebuild it from the log; the sink must not be running, and goes on from there.

    With --into the sink and its view are left alone.
    """
    connectors = _of_view(view, **options)
    if as_of and into is None:
        raise click.UsageError("--as-of needs --into: the sink's own view is always that of now")
    with _told():
        if into is not None:
            moment = resolve(as_of, bootstrap, registry) if as_of else None
            connectors = views.into(connectors, into)
            spans = [spans_of(properties, bootstrap) for properties in connectors]
            rebuilt = build(connectors, spans, bootstrap, registry, _stopping(), apart=True, moment=moment)
            click.echo(f"{into} is the state " + (f"as of {moment}" if moment else "of now"))
        else:
            rebuilt = replay_views(connectors, bootstrap, registry, _stopping())
    click.echo(str(rebuilt))
    if digest:
        _show(connectors)


@main.command()
@BOOTSTRAP
@REGISTRY
@connector_options
@VIEW
def verify(bootstrap: str, registry: str, view: str, **options: Any) -> None:
    """Hold a view against a fresh replay of what it says that it holds; the sink must not be running."""
    with _told():
        findings = verify_views(_of_view(view, **options), bootstrap, registry, _stopping())
    for name, (count, sha256), difference, ahead in findings:
        told = f"differs from a replay at {difference}" if difference else "equal"
        if ahead:
            told += (
                f"; {len(ahead)} ahead of the view's positions, {ahead[0]} the first: "
                "the sink was ended before it noted them, and writes them again when it starts"
            )
        click.echo(f"{name} {count} {sha256} {told}")
    if any(finding.difference for finding in findings):
        sys.exit(1)


@main.command()
@BOOTSTRAP
@REGISTRY
@connector_options
@click.option("--letter", help="Only this one (letter_id); otherwise all of the sink's.")
@click.option("--topic", type=click.Choice(list(TOPICS)), help="Only those of records of this topic.")
def redrive(bootstrap: str, registry: str, letter: str | None, topic: str | None, **options: Any) -> None:
    """Put records that became dead letters of the sink into its views after all; the sink must not be running.

    Accepted is what a view takes without an error: it then holds the record's document, or one that goes before it.
    """
    refused = total = 0
    with _told():
        for outcome in redrive_letters(
            *(_connectors(**options), bootstrap, registry, _stopping()),
            lambda each: letter in (None, each.letter_id) and topic in (None, each.origin_topic),
        ):
            total += 1
            refused += outcome.error is not None
            click.echo(f"{outcome.letter_id} {outcome.connector}: {outcome.error or 'accepted'}")
    if letter and not total:
        of_topic = f" of {topic}" if topic else ""
        raise click.ClickException(f"{letter!r} is no letter of the sink{of_topic} whose record a connector reads")
    click.echo(f"{total - refused} accepted, {refused} refused again")
    if refused:
        sys.exit(1)


@contextmanager
def _told() -> Iterator[None]:
    """What goes wrong, in a sentence."""
    try:
        yield
    except SENTENCES as error:
        raise click.ClickException(str(error)) from error
    except KafkaException as error:
        first = error.args[0] if error.args else ""
        raise click.ClickException(f"Kafka: {first.str() if isinstance(first, KafkaError) else first}") from error
    except PyMongoError as error:
        raise click.ClickException(f"MongoDB: {error}") from error


@main.command()
@connector_options
@VIEW
def digest(view: str, **options: Any) -> None:
    """Print how many documents each collection holds, and a hash over them; the same for the model files."""
    _show(_of_view(view, **options))


def _connectors(uri: str | None, database: str | None, models: Path | None, config_dir: Path) -> list[Properties]:
    said = {"connection.uri": uri, "database": database}
    mongo = {key: value for key, value in said.items() if value is not None}
    given: dict[str, Properties] = {
        "MongoSinkConnector": mongo,
        "RollUpSinkConnector": mongo,
        "ModelFileSinkConnector": {} if models is None else {"models.directory": str(models)},
    }
    try:
        return connector_files.load(config_dir, given)
    except config.ConfigError as error:
        raise click.ClickException(str(error)) from error


def _of_view(view: str, **options: Any) -> list[Properties]:
    try:
        return views.of_view(_connectors(**options), view)
    except config.ConfigError as error:
        raise click.UsageError(str(error)) from error


def _show(connectors: list[Properties]) -> None:
    try:
        for properties in connectors:
            for name, (count, sha256) in digests(properties).items():
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
