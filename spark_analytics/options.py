"""How the stream is run."""

from pathlib import Path
from typing import NamedTuple


class Options(NamedTuple):
    """As the command line says.

    Attributes:
        bootstrap: of Kafka.
        registry: of schemas.
        jars: folder of Spark's connectors.
        folder: for the checkpoint.
        ui_port: of Spark's web interface.
        metrics_port: of the metrics.
        trigger_seconds: between two micro-batches.
        readings_a_batch: at most, and so how many may be evaluated before a newer model is looked for.
        stale_after_ms: event time after which the newest model counts as old; 0: never.
    """

    bootstrap: str
    registry: str
    jars: Path
    folder: Path
    ui_port: int
    metrics_port: int
    trigger_seconds: float
    readings_a_batch: int
    stale_after_ms: int
