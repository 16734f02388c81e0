"""What ``make lineage`` does."""

import sys

import click
from confluent_kafka import KafkaException
from confluent_kafka.schema_registry.error import SchemaRegistryError
from httpx2 import TransportError
from rich.console import Console

from aggregator_stream.lineage.finding import NotOnTheLogError
from aggregator_stream.lineage.naming import Name, NotAnIdError
from aggregator_stream.lineage.printing import as_json, show
from aggregator_stream.lineage.reading import Log
from aggregator_stream.lineage.tracing import trace
from aggregator_stream.lineage.tree import grow
from forecaster.config import Config

HOLDS, BROKEN, UNKNOWN = 0, 1, 2
LINE = 10_000


def run(bootstrap: str, registry: str, prediction_id: str, depth: int = 1, form: str = "table") -> int:
    """Print a prediction's lineage, every link checked.

    Args:
        bootstrap: Kafka, host:port.
        registry: the schema registry's Confluent API, a URL.
        prediction_id: as on topic ``predictions``.
        depth: models whose updates are shown, from the prediction's own towards the first.
        form: ``json``, or a tree.

    Returns:
        The exit code: 0 if every link holds, 1 if one does not, 2 if there is no such prediction or nobody can say.
    """
    try:
        name = Name.of(prediction_id)
        with Log(bootstrap, registry) as log:
            link = grow(Config(), trace(log, name, depth))
    except (NotAnIdError, NotOnTheLogError, TimeoutError) as error:
        click.echo(f"Error: {error}", err=True)
        return UNKNOWN
    except KafkaException as error:
        click.echo(f"Error: Kafka at {bootstrap} does not answer ({error}): `make up`?", err=True)
        return UNKNOWN
    except (TransportError, SchemaRegistryError) as error:
        click.echo(f"Error: the registry at {registry} does not answer ({error}): `make up`?", err=True)
        return UNKNOWN
    if form == "json":
        click.echo(as_json(link))
    else:
        # A line of a file is as long as it is.
        show(link, Console(width=None if sys.stdout.isatty() else LINE))
    return BROKEN if link.broken else HOLDS
