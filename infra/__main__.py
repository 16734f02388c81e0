"""The command line behind the Makefile."""

import json
import subprocess
from datetime import UTC, datetime
from typing import Any

import click
from pydantic import ValidationError
from rich.table import Table

from infra import lifecycle, orphans, stage_commands, supervision
from infra.archive.commands import export_log, import_log
from infra.console import console, say
from infra.retraining.commands import compare, retrain
from infra.services import folder, services
from infra.settings import Settings, refusal
from infra.status import status as status_of
from infra.topics import models as list_models
from infra.topics import tail as tail_topic
from infra.versions.commands import diff, inspect
from infra.watch.command import watch
from schemas import log_lines

MOMENT = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%SZ"])
OTHERS = (*lifecycle.ALL, *stage_commands.ALL, inspect, diff, watch, retrain, compare, export_log, import_log)


class Refusing(click.Group):
    """Says of settings that cannot be what is wrong, whichever command reads them."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command.

        Raises:
            ClickException: a setting has a value that it cannot have.
        """
        try:
            return super().invoke(ctx)
        except ValidationError as error:
            if error.title != Settings.__name__:
                raise
            raise click.ClickException(refusal(error)) from error


@click.group(cls=Refusing)
def main() -> None:
    """Start, watch and stop a Fedlog system."""
    log_lines.begin("infra")


@main.command()
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table")
def status(form: str) -> None:
    """What runs, what is on the log, what is in the views."""
    settings = Settings()
    found = status_of(settings)
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
    if not supervision.alive(settings) and (left := orphans.left(settings)):
        say(f"Supervisord was killed and has left {', '.join(sorted(left))}: `make up` or `make down` ends them.")


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


for command in OTHERS:
    main.add_command(command)

if __name__ == "__main__":
    main()
