"""The aggregator's command line."""

import logging
from pathlib import Path

import click
import faust

from aggregator_stream.app import create
from aggregator_stream.state import Rules
from forecaster.config import Config
from forecaster.strategies import fedavg


@click.command()
@click.option("--bootstrap", required=True, help="Kafka, host:port.")
@click.option("--registry", required=True, help="The schema registry's Confluent API, a URL.")
@click.option("--port", default=6066, show_default=True, help="Of the web server, on loopback.")
@click.option("--window-minutes", default=30, show_default=True, help="Length of a window, event time.")
@click.option("--folder", required=True, type=click.Path(path_type=Path), help="For Faust's own files.")
def main(bootstrap: str, registry: str, port: int, window_minutes: int, folder: Path) -> None:
    """Aggregate local updates into global models until told to stop."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("aggregator_stream").setLevel(logging.INFO)
    rules = Rules(Config(), fedavg(), window_ms=window_minutes * 60_000)
    app = create(rules, bootstrap, registry, port, folder)
    worker = faust.Worker(app, override_logging=False, quiet=True, redirect_stdouts=False)
    worker.spinner = None
    worker.execute_from_commandline()


if __name__ == "__main__":
    main()
