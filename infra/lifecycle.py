"""``make up``, ``make down``, ``make clean``."""

import shutil
import time

import click

from infra import choices, orphans, played, ports, supervision
from infra.console import console, say
from infra.services import folder, services
from infra.settings import Settings
from infra.status import status

SAY_S = 20
"""Between two words on what is still waited for (s)."""


@click.command()
@click.option("--timeout", default=600, show_default=True, help="Seconds to wait until all is healthy.")
def up(timeout: int) -> None:
    """Start everything and wait until it is healthy."""
    settings = choices.settled(Settings())
    supervision.settle(settings)
    if not supervision.alive(settings):
        _end_orphans(settings)
        if sentences := ports.taken(settings):
            raise click.ClickException(" ".join(sentences))
    if not supervision.start(settings):
        console.print("Everything is as it should be already: nothing changed.")
    _wait(settings, timeout)
    _where(settings)


def _end_orphans(settings: Settings) -> bool:
    """End what a supervisord that was killed has left, and say so; return whether there was anything."""
    if left := orphans.left(settings):
        say(f"An earlier supervisord was killed and has left {', '.join(sorted(left))}: ending what it left.")
        orphans.end_all(settings)
    return bool(left)


def _wait(settings: Settings, timeout: int) -> None:
    """Say what has become healthy, as it does."""
    began, well = time.monotonic(), set[str]()
    said = began
    while True:
        rows = status(settings)["services"]
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
    if "producer" in running:
        line, loud = played.said(settings, played.dataset(settings))
        console.print(f"\n{line}", style="bold yellow" if loud else None, highlight=False, soft_wrap=True, markup=False)
    if "superset" in running:
        password = settings.home / "superset" / "admin_password"
        say(f"Dashboards: http://127.0.0.1:{settings.superset_port} (admin, password in {password})")
    engines = {"Flink": "flink-jobmanager", "Spark": "spark", "Kafka": "kafka"}
    addresses = (f"{label}: {running[name].address(settings)}" for label, name in engines.items() if name in running)
    say("   ".join(addresses))
    say("Next: `make status`, `make models`, `make tail TOPIC=predictions`, `make logs`.")
    if "superset" in running:
        say("Once a day of event time is over, `make analytics` fills the dashboard Fleet insights.")


@click.command()
def down() -> None:
    """Stop everything; the data stays."""
    settings = Settings()
    if supervision.alive(settings):
        with console.status("stopping"):
            supervision.stop(settings)
    elif not _end_orphans(settings):
        console.print("Nothing is running.")
        return
    console.print("Stopped. The data stays; `make up` goes on from it.")


@click.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
def clean(yes: bool) -> None:
    """Delete all data of the system: the log too."""
    settings = Settings()
    if supervision.alive(settings):
        raise click.ClickException("The system is running: `make down` first.")
    if not yes:
        click.confirm(f"Delete {settings.home} and {settings.models}, the log included?", abort=True)
    _end_orphans(settings)
    for path in (settings.home, settings.models):
        shutil.rmtree(path, ignore_errors=not path.exists())
    console.print("Deleted.")


ALL = (up, down, clean)
