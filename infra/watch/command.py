"""``make watch``."""

import time
from contextlib import closing

import click
from confluent_kafka import KafkaException
from rich.live import Live

from infra import ready
from infra.console import console
from infra.settings import Settings
from infra.watch.history import History
from infra.watch.looking import Looker
from infra.watch.screen import screen

LOOK_S = 1.0


@click.command()
@click.option(
    "--looks", type=int, help="End after so many; if not given, by ctrl-C, or after two if this is no terminal."
)
def watch(looks: int | None) -> None:
    """Rates, lags, the newest model, errors and anomalies, live."""
    settings = Settings()
    ready.must_have_log(settings)
    left = looks or (None if console.is_terminal else 2)
    history = History()
    with closing(Looker(settings)) as looker, Live(console=console, auto_refresh=False, transient=False) as live:
        while left is None or left > 0:
            try:
                history = history.after(looker.look())
            except KafkaException as error:
                raise click.ClickException(f"Kafka does not answer any more ({error}): see `make status`.") from error
            live.update(screen(history), refresh=console.is_terminal)
            left = None if left is None else left - 1
            if left != 0:
                time.sleep(LOOK_S)
