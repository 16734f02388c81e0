"""``make inspect`` and ``make diff``."""

import json

import click

from infra.console import console
from infra.settings import Settings

form = click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)


@click.command()
@click.option("--version", type=int, help="If not given, the newest.")
@form
def inspect(version: int | None, form: str) -> None:
    """A version of the global model: arrays, distance to its parent, contributors, errors, where it is from."""
    # Here, for it takes JAX to know the common start: no other command should wait for that.
    from infra.versions.describing import inspected
    from infra.versions.printing import show_inspected
    from infra.versions.reading import find

    settings = Settings()
    told = inspected(find(settings, version), settings.learner)
    if form == "json":
        click.echo(json.dumps(told, ensure_ascii=False))
    else:
        show_inspected(told, console)


@click.command()
@click.argument("a", type=int)
@click.argument("b", type=int)
@form
def diff(a: int, b: int, form: str) -> None:
    """Two versions of the global model beside each other."""
    from infra.versions.describing import compared
    from infra.versions.printing import show_compared
    from infra.versions.reading import find

    settings = Settings()
    told = compared(find(settings, a).model, find(settings, b).model)
    if form == "json":
        click.echo(json.dumps(told, ensure_ascii=False))
    else:
        show_compared(told, console)
