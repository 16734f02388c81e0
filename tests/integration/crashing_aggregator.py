"""The aggregator, made to end as by ``kill -9`` when a step has been passed for the nth time."""

import os
import signal
from pathlib import Path
from typing import Any

import click

from aggregator_stream.app import create, work
from aggregator_stream.options import rules, with_rules

STEPS = ("read", "closed", "sent", "taken")


@click.command()
@click.option("--bootstrap", required=True)
@click.option("--registry", required=True)
@click.option("--port", type=int, required=True)
@click.option("--folder", type=click.Path(path_type=Path), required=True)
@click.option("--step", type=click.Choice(STEPS))
@click.option("--passings", type=int, default=1)
@with_rules
def main(
    bootstrap: str, registry: str, port: int, folder: Path, step: str | None, passings: int, **options: Any
) -> None:
    left = passings

    def passing(at: str) -> None:
        nonlocal left
        left -= at == step
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)

    app = create(rules(**options), bootstrap, registry, port, folder, passing=passing, session_s=2)
    work(app)


if __name__ == "__main__":
    main()
