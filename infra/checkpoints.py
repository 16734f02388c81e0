"""The engines' checkpoints, a view of the topics like all else: without them, Flink and Spark begin anew."""

import shutil

from infra import supervision
from infra.settings import Settings

ENGINES = ("flink-training", "flink-taskmanager", "flink-jobmanager", "spark")
"""In the order in which they are stopped; they start in the other."""
FOLDERS = ("flink/checkpoints", "spark")


def drop(settings: Settings) -> list[str]:
    """Delete them, and have the engines that run rebuild their state from the topics.

    What they send again has the ids it had (docs/effectively-once.md); it lies on the log a second time.

    Returns:
        The services that began anew.
    """
    with supervision.paused(settings, *ENGINES) as running:
        for name in FOLDERS:
            shutil.rmtree(settings.home / name, ignore_errors=True)
    return running
