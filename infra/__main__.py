"""The command line behind the Makefile."""

import json
import shutil
import subprocess
import time
from datetime import UTC, datetime

import click
from rich.table import Table

from infra import choices, ports, stage_commands, supervision
from infra.archive.commands import export_log, import_log
from infra.console import console, say
from infra.retraining.commands import compare, retrain
from infra.services import folder, services
from infra.settings import Settings
from infra.status import status as status_of
from infra.topics import models as list_models
from infra.topics import tail as tail_topic
from infra.versions.commands import diff, inspect
from infra.watch.command import watch
from schemas import log_lines

MOMENT = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%SZ"])
OTHERS = (*stage_commands.ALL, inspect, diff, watch, retrain, compare, export_log, import_log)
SAY_S = 20
"""Between two words on what is still waited for (s)."""


@click.group()
def main() -> None:
    """Start, watch and stop a Fedlog system."""
    log_lines.begin("infra")


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
        say(f"\nDashboards: http://127.0.0.1:{settings.superset_port} (admin, password in {password})")
    engines = {"Flink": "flink-jobmanager", "Spark": "spark", "Kafka": "kafka"}
    addresses = (f"{label}: {running[name].address(settings)}" for label, name in engines.items() if name in running)
    say("   ".join(addresses))
    say("Next: `make status`, `make models`, `make tail TOPIC=predictions`, `make logs`.")


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


for command in OTHERS:
    main.add_command(command)

if __name__ == "__main__":
    main()
