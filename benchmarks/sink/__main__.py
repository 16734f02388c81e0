"""``make bench-sink``: our sink beside MongoDB's own connector and bare pymongo, on the same events, in one run.

It brings its own server, and leaves the one at ``FEDLOG_MONGO`` alone.
"""

import json
import platform
import shutil
import tempfile
from pathlib import Path
from typing import Any

import click
import psutil
from pymongo import MongoClient

from benchmarks.sink import events as made
from benchmarks.sink import ways
from infra import contracts
from infra.settings import Settings
from infra.standalone import isolated, serving
from schemas.events import Event

OFFICIAL_BAR = 2.0
"""Times as fast as MongoDB's own connector that the sink is to be."""
BARE_BAR = 0.7
"""Share of bare pymongo's speed that it is to reach."""
TOLD = {
    **ways.OFFICIAL,
    "ours": "our sink, a process that has just begun",
    "bare": "pymongo's insert_many of documents that are ready in memory",
}


@click.command()
@click.option("--readings", default=200_000, show_default=True, help="Events of iot_stream.")
@click.option("--predictions", default=50_000, show_default=True, help="Events of predictions; 0: none.")
@click.option("--format", "format_", type=click.Choice(["table", "json"]), default="table", show_default=True)
def main(readings: int, predictions: int, format_: str) -> None:
    """Documents a second into the document store, from the first one to the last."""
    home = Path(tempfile.mkdtemp(prefix="fedlog-bench-"))
    settings = isolated(home)
    found: dict[str, dict[str, Any]] = {}
    try:
        with serving(settings, "kafka", "registry", "mongo"):
            contracts.establish(settings)
            warm_up(settings)
            kinds: dict[str, list[Event]] = {
                "iot_stream": list(made.readings(readings)),
                "predictions": list(made.predictions(predictions)),
            }
            for topic, events in kinds.items():
                if events:
                    found[topic] = compared(settings, home, topic, events)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    if format_ == "json":
        click.echo(json.dumps(found, indent=1))
        return
    for topic, numbers in found.items():
        show(topic, numbers)


def warm_up(settings: Settings) -> None:
    """Let the document store, a JVM too, insert before anything is timed."""
    with MongoClient[dict[str, Any]](settings.mongo_uri) as client:
        for _ in range(10):
            client.warm.up.insert_many([event._asdict() for event in made.readings(ways.BATCH)], ordered=False)
        client.drop_database("warm")


def compared(settings: Settings, home: Path, topic: str, events: list[Event]) -> dict[str, float]:
    """Each way's speed, every one into a collection that is new."""
    count = len(events)
    made.write(settings, events)
    documents = made.documents(settings, events)
    with MongoClient[dict[str, Any]](settings.mongo_uri, tz_aware=True) as client:
        database = client.benchmark
        official = ways.official(settings, topic, count, database, home / "connect")
        client.drop_database(database)
        ours = ways.ours(settings, topic, count, database, home)
        client.drop_database(database)
        bare = ways.bare(documents, database.bare)
        client.drop_database(database)
    speeds = {"events": count, **official, "ours": ours, "bare": bare}
    return speeds | {"times_official": ours / official["official"], "share_of_bare": ours / bare}


def show(topic: str, numbers: dict[str, Any]) -> None:
    """One topic's table."""
    click.echo(f"{topic}: {numbers['events']:,} events, {psutil.cpu_count()} cores, {platform.machine()}")
    for name, told in TOLD.items():
        click.echo(f"{name:<15}{numbers[name]:>10,.0f} documents/s   {told}")
    for name, bar, told in (
        ("times_official", OFFICIAL_BAR, "times as fast as MongoDB's connector"),
        ("share_of_bare", BARE_BAR, "of bare pymongo's speed"),
    ):
        missed = "" if numbers[name] >= bar else "   missed"
        click.echo(f"ours is {numbers[name]:.2f} {told} (bar {bar}){missed}")


if __name__ == "__main__":
    main()
