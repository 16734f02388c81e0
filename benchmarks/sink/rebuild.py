"""``make bench-replay``: every view rebuilt from a million events, and the server's share of the time.

It brings its own server, and leaves the one at ``FEDLOG_MONGO`` alone.
"""

import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable
from itertools import chain
from pathlib import Path
from threading import Event as Signal

import click

from benchmarks.sink import events as made
from infra import contracts
from infra.settings import Settings
from infra.standalone import isolated, serving
from mongo_sink import connector_files, interpreter
from mongo_sink.comparison import digests
from mongo_sink.replay import Rebuilt, replay
from schemas.events import Event

SHARES = {"iot_stream": 0.8, "predictions": 0.19, "local_updates": 0.009, "global_models": 0.001}
"""Of the events, about as in a running system."""


@click.command()
@click.option("--events", default=1_000_000, show_default=True, help="On the log, of all kinds.")
@click.option("--format", "format_", type=click.Choice(["table", "json"]), default="table", show_default=True)
def main(events: int, format_: str) -> None:
    """Records a second from the log into MongoDB and model files, by ``make replay``'s own code."""
    home = Path(tempfile.mkdtemp(prefix="fedlog-bench-"))
    settings = isolated(home)
    try:
        with serving(settings, "kafka", "registry", "mongo"):
            contracts.establish(settings)
            write(settings, {topic: round(events * share) for topic, share in SHARES.items()})
            rebuilt, kept = rebuild(settings)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    if format_ == "json":
        click.echo(json.dumps(rebuilt._asdict() | {"views": kept}, indent=1))
        return
    click.echo(str(rebuilt))
    for name, count in kept.items():
        click.echo(f"{name:<18}{count:>10,}")


def write(settings: Settings, counts: dict[str, int]) -> None:
    """The events onto the log, kind by kind."""
    kinds: dict[str, Callable[[int], Iterable[Event]]] = {
        "iot_stream": made.readings,
        "predictions": made.forecasts,
        "local_updates": made.updates,
        "global_models": made.versions,
    }
    click.echo(f"writing {sum(counts.values()):,} events", err=True)
    made.write(settings, chain.from_iterable(kinds[topic](count) for topic, count in counts.items()))


def rebuild(settings: Settings) -> tuple[Rebuilt, dict[str, int]]:
    """What it took, and how much each view holds then."""
    interpreter.tune()
    mongo = {"connection.uri": settings.mongo_uri, "database": "benchmark"}
    files = {"models.directory": str(settings.home / "models")}
    given = {"MongoSinkConnector": mongo, "RollUpSinkConnector": mongo, "ModelFileSinkConnector": files}
    connectors = connector_files.load(connector_files.CONNECTORS, given)
    click.echo("rebuilding", err=True)
    rebuilt = replay(connectors, settings.bootstrap, settings.registry, Signal())
    kept = {name: found.documents for each in connectors for name, found in digests(each).items()}
    return rebuilt, kept


if __name__ == "__main__":
    sys.exit(main())
