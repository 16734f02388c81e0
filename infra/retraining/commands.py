"""``make retrain`` and ``make compare``."""

import json

import click

from infra.console import console, say
from infra.settings import Settings
from infra.standalone import end_in_order_at_sigterm


@click.command()
@click.argument("prefix")
@click.option("--set", "changes", multiple=True, metavar="NAME=VALUE", help="A setting that is another one.")
@click.option("--again", is_flag=True, help="Delete topics of that prefix first.")
def retrain(prefix: str, changes: tuple[str, ...], again: bool) -> None:
    """Run the stream again under other settings, into topics of that prefix."""
    from infra.retraining.run import retrain as run

    end_in_order_at_sigterm()
    pairs = (pair.partition("=") for pair in changes)
    count = run(Settings(), prefix, {name.lower(): value for name, _, value in pairs}, again)
    say(f"{count:,} events in the topics {prefix}.…  `make compare B={prefix}` holds them up.")


@click.command()
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
