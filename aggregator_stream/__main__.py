"""The aggregator's command line."""

import logging.config
from pathlib import Path

import click
import faust

from aggregator_stream.app import create
from aggregator_stream.state import Rules
from forecaster.config import Config
from forecaster.strategies import fedavg

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"level": "WARNING", "handlers": ["stderr"]},
    "loggers": {"aggregator_stream": {"level": "INFO"}},
}
"""Given to Faust too, which would set up its own."""


@click.command()
@click.option("--bootstrap", required=True, help="Kafka, host:port.")
@click.option("--registry", required=True, help="The schema registry's Confluent API, a URL.")
@click.option("--port", default=6066, show_default=True, help="Of the web server, on loopback.")
@click.option("--window-minutes", default=30, show_default=True, help="Length of a window, event time.")
@click.option("--folder", required=True, type=click.Path(path_type=Path), help="For Faust's own files.")
def main(bootstrap: str, registry: str, port: int, window_minutes: int, folder: Path) -> None:
    """Aggregate local updates into global models until told to stop."""
    logging.config.dictConfig(LOGGING)
    rules = Rules(Config(), fedavg(), window_ms=window_minutes * 60_000)
    app = create(rules, bootstrap, registry, port, folder)
    faust.Worker(
        app, logging_config=LOGGING, loglevel="WARN", quiet=True, redirect_stdouts=False
    ).execute_from_commandline()


if __name__ == "__main__":
    main()
