"""The command line behind the Makefile."""

import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from infra import checkpoints, choices, log_output, ports, supervision
from infra.services import folder, services, sink_arguments, spark_environment
from infra.settings import Settings
from infra.standalone import end_in_order_at_sigterm
from infra.status import status as status_of
from infra.threads import ONE_THREAD
from infra.topics import models as list_models
from infra.topics import tail as tail_topic
from infra.versions.commands import diff, inspect
from infra.watch.command import watch

console = Console()
MOMENT = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%SZ"])
PLAIN: dict[str, Any] = {"highlight": False, "soft_wrap": True}
"""How addresses and commands are printed: to be copied."""
SAY_S = 20
"""Between two words on what is still waited for (s)."""


@click.group()
def main() -> None:
    """Start, watch and stop a Fedlog system."""
    log_output.begin()


@main.command()
@click.option("--timeout", default=600, show_default=True, help="Seconds to wait until all is healthy.")
def up(timeout: int) -> None:
    """Start everything and wait until it is healthy."""
    settings = choices.settled(Settings())
    supervision.settle(settings)
    if not supervision.alive(settings) and (sentences := ports.taken(settings)):
        raise click.ClickException(" ".join(sentences))
    if not supervision.start(settings):
        console.print("Everything is as it should be already: nothing changed.")
    _wait(settings, timeout)
    _where(settings)


def _wait(settings: Settings, timeout: int) -> None:
    """Say what has become healthy, as it does."""
    began, well = time.monotonic(), set[str]()
    said = began
    while True:
        rows = status_of(settings)["services"]
        for row in rows:
            if row["state"] == "failed":
                log = folder(settings, row["name"])
                raise click.ClickException(f"{row['name']} gave up; its last words are in {log}.")
            if row["state"] in ("healthy", "finished") and row["name"] not in well:
                well.add(row["name"])
                console.print(f"[green]✓[/] {row['name']} [dim]{row['address']}[/]", highlight=False, soft_wrap=True)
        missing = [row["name"] for row in rows if row["name"] not in well]
        if not missing:
            return
        if time.monotonic() - said > SAY_S:
            said = time.monotonic()
            console.print(
                f"[yellow]…[/] still waiting for {', '.join(missing)} ({said - began:.0f} s)", highlight=False
            )
        if time.monotonic() - began > timeout:
            raise click.ClickException(f"{', '.join(missing)} not healthy after {timeout} s: see `make logs`.")
        time.sleep(2)


def _where(settings: Settings) -> None:
    """Say where to look, of what runs."""
    running = services(settings)
    if "superset" in running:
        password = settings.home / "superset" / "admin_password"
        console.print(
            f"\nDashboards: http://127.0.0.1:{settings.superset_port} (admin, password in {password})", **PLAIN
        )
    engines = {"Flink": "flink-jobmanager", "Spark": "spark", "Kafka": "kafka"}
    addresses = (f"{label}: {running[name].address(settings)}" for label, name in engines.items() if name in running)
    console.print("   ".join(addresses), **PLAIN)
    console.print("Next: `make status`, `make models`, `make tail TOPIC=predictions`, `make logs`.", **PLAIN)


@main.command()
def down() -> None:
    """Stop everything; the data stays."""
    settings = Settings()
    if not supervision.alive(settings):
        console.print("Nothing is running.")
        return
    with console.status("stopping"):
        supervision.stop(settings)
    console.print("Stopped. The data stays; `make up` goes on from it.")


@main.command()
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table")
def status(form: str) -> None:
    """What runs, what is on the log, what is in the views."""
    found = status_of(Settings())
    if form == "json":
        click.echo(json.dumps(found))
        return
    table = Table("service", "state", "address")
    for row in found["services"]:
        colour = {"healthy": "green", "finished": "green", "starting": "yellow"}.get(row["state"], "red")
        table.add_row(row["name"], f"[{colour}]{row['state']}[/]", row["address"])
    console.print(table)
    counts = Table("topic or collection", "events or documents")
    for name, topic in found["topics"].items():
        counts.add_row(name, "unknown" if topic["events"] is None else f"{topic['events']:,}")
    for name, documents in found["mongo"].items():
        counts.add_row(f"mongo: {name}", "unknown" if documents is None else f"{documents:,}")
    console.print(counts)
    model = found["global_model"]
    console.print(
        f"Global model: version {model['version']}, window to {model['window_end']}" if model else "No model."
    )


@main.command()
@click.argument("name", required=False)
def logs(name: str | None) -> None:
    """Follow the logs of one service, or of all."""
    settings = Settings()
    if name and name not in services(settings):
        raise click.ClickException(f"no service {name}: there are {', '.join(services(settings))}")
    paths = [str(folder(settings, service)) for service in ([name] if name else services(settings))]
    subprocess.run(["tail", "-n", "40", "-F", *paths], check=False)


@main.command()
def models() -> None:
    """The versions of the global model, from the headers on the log."""
    list_models(Settings())


@main.command()
@click.argument("topic")
@click.option("--follow/--no-follow", default=True, help="Wait for more at the end.")
@click.option("--last", type=int, help="Records of each partition to begin with: 10, or all where --since is given.")
@click.option("--device", help="Only events of this device (records with this key).")
@click.option("--since", type=MOMENT, help="Only events of this moment of event time or later, ISO 8601, UTC.")
def tail(topic: str, follow: bool, last: int | None, device: str | None, since: datetime | None) -> None:
    """Decoded events of a topic as JSON lines."""
    tail_topic(Settings(), topic, follow, last or (None if since else 10), device, since and since.replace(tzinfo=UTC))


main.add_command(inspect)
main.add_command(diff)
main.add_command(watch)


@main.command()
@click.option("--version", help="Of the model; if not given, the one that the fleet stands on.")
@click.option("--since", help="Forecasts made from this moment of event time on, ISO 8601, UTC.")
@click.option("--until", help="Forecasts made before this moment of event time.")
@click.option("--starts", help="Forecasts from readings from these offsets on, PARTITION:OFFSET joined by commas.")
@click.option("--ends", help="Where to stop reading, PARTITION:OFFSET joined by commas.")
def batch(**options: str | None) -> None:
    """Evaluate readings on the topic with one global model, and say how good it is."""
    sys.exit(_spark("batch", **options))


@main.command()
@click.option("--source", default="local", show_default=True, help="Of the predictions that episodes are made of.")
def analytics(source: str) -> None:
    """Write what there is to be said of the fleet's days that are over."""
    sys.exit(_spark("analytics", source=source, positions=Settings().positions))


@main.command()
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


@main.command()
def verify() -> None:
    """Make every global model again from its recorded members, and every view from the topics, and compare both."""
    sys.exit(_aggregator("verify") | _sink("verify"))


@main.command()
@click.argument("prediction")
@click.option("--depth", default=1, show_default=True, type=click.IntRange(1))
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table")
def lineage(prediction: str, depth: int, form: str) -> None:
    """From a prediction back to the readings behind it, every link checked."""
    sys.exit(_aggregator("lineage", "--prediction", prediction, "--depth", str(depth), "--format", form))


@main.command()
@click.argument("version", type=int)
@click.option("--reason", default="an operator's wish", show_default=True)
def rollback(version: int, reason: str) -> None:
    """Have devices and Spark stand on a version, whatever comes, until they are released."""
    sys.exit(_aggregator("rollback", "--version", str(version), "--reason", reason))


@main.command()
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


@main.command()
@click.option("--view", default="all", show_default=True, help="mongo, models, a connector's name, or checkpoints.")
@click.option("--into", help="Build it in a database of this name, beside the sink's.")
@click.option("--as-of", help="With --into: as it was at a version, topic/partition/offset, or time.")
def replay(view: str, into: str | None, as_of: str | None) -> None:
    """Drop the views and rebuild them from the topics, or build them elsewhere as they were."""
    if view == "checkpoints":
        began = checkpoints.drop(Settings())
        where = "`make status` says where they are." if began else "they do so when they are started."
        console.print(f"Flink and Spark begin at the topics' beginnings: {where}", **PLAIN)
        return
    asked = ["--view", view, *(["--into", into] if into else []), *(["--as-of", as_of] if as_of else [])]
    sys.exit(_sink("replay", *asked, paused=not into))


@main.command()
@click.argument("prefix")
@click.option("--set", "changes", multiple=True, metavar="NAME=VALUE", help="A setting that is another one.")
@click.option("--again", is_flag=True, help="Delete topics of that prefix first.")
def retrain(prefix: str, changes: tuple[str, ...], again: bool) -> None:
    """Run the stream again under other settings, into topics of that prefix."""
    from infra.retraining.run import retrain as run

    end_in_order_at_sigterm()
    pairs = (pair.partition("=") for pair in changes)
    count = run(Settings(), prefix, {name.lower(): value for name, _, value in pairs}, again)
    console.print(f"{count:,} events in the topics {prefix}.…  `make compare B={prefix}` holds them up.", **PLAIN)


@main.command()
@click.option("--a", default="", help="The one's prefix; none: the original.")
@click.option("--b", default="", help="The other's.")
@click.option("--format", "format_", type=click.Choice(["table", "json"]), default="table", show_default=True)
def compare(a: str, b: str, format_: str) -> None:
    """Print two trainings' errors on the same targets, side by side."""
    from infra.retraining.comparing import compare as held
    from infra.retraining.comparing import shown

    found = held(Settings(), a, b)
    if format_ == "json":
        rows = [row._asdict() for row in found.rows]
        click.echo(json.dumps({"a": found.a._asdict(), "b": found.b._asdict(), "errors": rows}, indent=1))
        return
    console.print(shown(found))


@main.command()
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


@main.command("export")
@click.argument("folder", type=click.Path(path_type=Path))
def export_log(folder: Path) -> None:
    """Write every topic into a new folder of Avro files."""
    # Here, as with import: no other command should wait for what these take to be loaded.
    from infra.archive.export import export
    from infra.archive.servers import log_of

    settings = Settings()
    with log_of(settings):
        archive = export(settings, folder)
    console.print(f"{archive.said()} in {folder}. On another machine: `make import DIR=…`, then `make up`.", **PLAIN)
    if gaps := archive.gaps():
        raise click.ClickException(
            f"Offsets without a record in {', '.join(gaps)}: the folder can be read, but not be imported."
        )


@main.command("import")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
def import_log(folder: Path) -> None:
    """Write what was exported into an empty log, every record at its offset."""
    from infra.archive.load import load
    from infra.archive.servers import log_of

    settings = Settings()
    with log_of(settings):
        archive = load(settings, folder)
    console.print(f"{archive.said()} on the log. `make up` builds everything else from it.", **PLAIN)


@main.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
def clean(yes: bool) -> None:
    """Delete all data of the system: the log too."""
    settings = Settings()
    if supervision.alive(settings):
        raise click.ClickException("The system is running: `make down` first.")
    if not yes:
        click.confirm(f"Delete {settings.home} and {settings.models}, the log included?", abort=True)
    for path in (settings.home, settings.models):
        shutil.rmtree(path, ignore_errors=not path.exists())
    console.print("Deleted.")


if __name__ == "__main__":
    main()
