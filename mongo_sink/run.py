"""All connectors in one process, a thread for each task."""

import logging
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from threading import Event as Signal

from mongo_sink.config import ConnectorConfig
from mongo_sink.meter import Meter
from mongo_sink.task import Properties
from mongo_sink.worker import Worker

LOG = logging.getLogger(__name__)
LINE_SECONDS = 10.0


def run(
    connectors: Sequence[Properties], bootstrap: str, registry: str, stopping: Signal, metrics_port: int = 0
) -> None:
    """Run every connector until ``stopping`` is set, metrics on a port if there is one.

    Raises:
        Exception: what ended a connector; the others are stopped first, cleanly.
    """
    meter = Meter()
    if metrics_port:
        meter.serve(metrics_port)
    workers = [
        Worker(properties, bootstrap, registry, stopping, task=task)
        for properties in connectors
        for task in range(ConnectorConfig.of(properties).tasks)
    ]
    with ThreadPoolExecutor(len(workers)) as pool:
        futures = [pool.submit(worker.run, meter) for worker in workers]
        LOG.info("running %s", ", ".join(worker.name for worker in workers))
        while _going(futures):
            LOG.info("%s", meter.line())
        stopping.set()
    for worker, future in zip(workers, futures, strict=True):
        if error := future.exception():
            LOG.error("%s failed", worker.name, exc_info=error)
    for future in futures:
        future.result()
    LOG.info("stopped")


def _going(futures: Sequence[Future[None]]) -> bool:
    done, pending = wait(futures, LINE_SECONDS, FIRST_EXCEPTION)
    return bool(pending) and not any(future.exception() for future in done)
