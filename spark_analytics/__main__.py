"""Spark's command line."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from schemas import log_lines
from schemas.positions import PositionsError, positions
from spark_analytics import batch as batch_of
from spark_analytics import stream as stream_of
from spark_analytics.fleet import run as analytics_of
from spark_analytics.options import Options
from spark_analytics.report.command import OptionError
from spark_analytics.scores.records import records
from spark_analytics.scores.text import report as report_text

FOLDER = click.Path(path_type=Path)
MOMENT = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"])
"""UTC."""


class Offsets(click.ParamType):
    """``PARTITION:OFFSET``, joined by commas."""

    name = "partition:offset,…"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[int, int]:
        """Offsets by partition."""
        if isinstance(value, dict):
            return value
        found = {}
        for part in filter(None, str(value).split(",")):
            partition, _, offset = part.partition(":")
            if not (partition.isdecimal() and offset.isdecimal()):
                self.fail(f"{part!r} is not like 0:1234", param, ctx)
            found[int(partition)] = int(offset)
        return found


@click.group()
def main() -> None:
    """Evaluate global models on Spark."""
    log_lines.begin("spark")


def _log(command: Callable[..., None]) -> Callable[..., None]:
    """The options of a command that reads and writes the log."""
    for option in (
        click.option("--jars", required=True, type=FOLDER, help="Folder of Spark's connectors."),
        click.option("--registry", required=True, help="The schema registry's Confluent API, a URL."),
        click.option("--bootstrap", required=True, help="Kafka, host:port."),
    ):
        command = option(command)
    return command


@main.command()
@_log
@click.option("--folder", required=True, type=FOLDER, help="For the checkpoint.")
@click.option("--ui-port", default=4040, show_default=True)
@click.option("--metrics-port", default=4041, show_default=True)
@click.option("--trigger-seconds", default=5.0, show_default=True, help="Between two micro-batches.")
@click.option("--readings-a-batch", default=10_000, show_default=True, help="At most.")
@click.option("--stale-after-minutes", default=120, show_default=True, help="Of event time; 0: never.")
def stream(stale_after_minutes: int, **options: Any) -> None:
    """Evaluate readings as they come, each micro-batch with the model that the fleet stands on."""
    stream_of.run(Options(**options, stale_after_ms=stale_after_minutes * 60_000))


@main.command()
@_log
@click.option("--version", type=int, help="Of the model; if not given, the one that the fleet stands on.")
@click.option("--since", type=MOMENT, help="Forecasts made from this moment of event time on.")
@click.option("--until", type=MOMENT, help="Forecasts made before this moment of event time.")
@click.option("--starts", type=Offsets(), default="", help="Forecasts from readings from these offsets on.")
@click.option("--ends", type=Offsets(), default="", help="Where to stop reading.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
def batch(
    bootstrap: str,
    registry: str,
    jars: Path,
    version: int | None,
    since: datetime | None,
    until: datetime | None,
    starts: dict[int, int],
    ends: dict[int, int],
    form: str,
) -> None:
    """Evaluate readings on the topic with one model; say how good it is, and whether the stream says the same."""
    wanted = batch_of.Range(_ms(since), _ms(until), starts, ends)
    try:
        done = batch_of.run(bootstrap, registry, jars, version, wanted)
    except batch_of.NoModelError as error:
        raise click.ClickException(str(error)) from error
    if form == "json":
        written = {"version": done.version, "forecasts": done.forecasts, "dead_letters": done.letters}
        click.echo(json.dumps(written | records(done.tables)))
        return
    click.echo(report_text(done.tables))
    if starts or ends:
        click.echo("\nSTARTS and ENDS say what is evaluated; above are all forecasts on the log, made FROM and UNTIL.")
    click.echo(f"\nversion {done.version}: {done.forecasts:,} forecasts, {done.letters:,} dead letters written")


@main.command()
@_log
@click.option(
    "--positions",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="`id x y` a line; else as the log says.",
)
@click.option("--source", type=click.Choice(["local", "stream", "batch"]), default="local", show_default=True)
@click.option("--version", type=int, help="Of the model; with batch only; if not given, the newest there are any of.")
def analytics(bootstrap: str, registry: str, jars: Path, file: Path | None, source: str, version: int | None) -> None:
    """Write what there is to be said of the fleet's days that are over, and has not been said yet."""
    if version is not None and source != "batch":
        raise click.UsageError("--version is of --source batch: the others have one verdict on each bin.")
    try:
        places = None if file is None else positions(file.read_text("utf-8"))
    except PositionsError as error:
        raise click.ClickException(f"{file}: {error}") from error
    done = analytics_of.run(bootstrap, registry, jars, source, version, places)
    if not done.places:
        click.echo("Nothing is said of neighbours: nobody says where devices are (make analytics POSITIONS=file does).")
    click.echo(", ".join(f"{count:,} {kind}" for kind, count in sorted(done.written.items())) or "Nothing new.")


@main.command()
@_log
@click.option("--out", required=True, type=FOLDER, help="The file to write.")
@click.option("--devices", default="", help="To show in detail, joined by commas; none: the worst, median and best.")
@click.option("--since", type=MOMENT, help="Forecasts made from this moment of event time on.")
@click.option("--until", type=MOMENT, help="Forecasts made before this moment of event time.")
@click.option("--ends", default="", help="Where to stop reading, TOPIC:PARTITION:OFFSET joined by commas.")
def report(
    bootstrap: str,
    registry: str,
    jars: Path,
    out: Path,
    devices: str,
    since: datetime | None,
    until: datetime | None,
    ends: str,
) -> None:
    """Write a page with plots of what was forecast, and how well."""
    from spark_analytics.report import run as report_of  # with plotly, which takes seconds

    try:
        wanted = report_of.wanted(_ms(since), _ms(until), devices, ends)
        report_of.run(bootstrap, registry, jars, wanted, out)
    except OptionError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"The page is in {out.resolve()}.")


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.replace(tzinfo=UTC).timestamp() * 1000)


if __name__ == "__main__":
    main()
