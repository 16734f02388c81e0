"""All connectors in one process, a thread for each task."""

import logging
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from threading import Event as Signal

from mongo_sink.config import ConnectorConfig
from mongo_sink.meter import Meter
from mongo_sink.preparing import PreparationError
from mongo_sink.refusals import REFUSALS
from mongo_sink.task import Properties
from mongo_sink.worker import Worker

LOG = logging.getLogger(__name__)
LINE_SECONDS = 10.0
OF_A_TASK = (*REFUSALS, PreparationError)
"""What a task that is started again would meet again, and the others do not: of a record, where ``errors.tolerance`` is
``none``, or of what its properties want of a collection."""


class TasksFailedError(Exception):
    """Tasks have ended, each with an error of its own."""


def run(
    connectors: Sequence[Properties], bootstrap: str, registry: str, stopping: Signal, metrics_port: int = 0
) -> None:
    """Run every connector until ``stopping`` is set, metrics on a port if there is one.

    As in Kafka Connect a task fails alone, and the others go on. But what is no error of its own (a client of Kafka's
    that is broken, a disk that is full) ends all of them, for another start may mend it.

    Raises:
        TasksFailedError: all have failed, or some had when they were told to stop.
        Exception: what else ended a task; the others are stopped first, cleanly.
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
        futures = [pool.submit(_run, worker, meter) for worker in workers]
        LOG.info("running %s", ", ".join(worker.name for worker in workers))
        while _going(futures):
            LOG.info("%s", meter.line())
        stopping.set()
    for worker, future in zip(workers, futures, strict=True):
        if error := future.exception():
            LOG.error("%s failed", worker.name, exc_info=error)
    failed = {worker.name: error for worker, future in zip(workers, futures, strict=True) if (error := future.result())}
    if failed:
        raise TasksFailedError("; ".join(f"{name} has failed: {error}" for name, error in failed.items()))
    LOG.info("stopped")


def _run(worker: Worker, meter: Meter) -> Exception | None:
    """Run a task; the error that is its own, if one has ended it."""
    meter.failed(worker.name, is_so=False)
    try:
        worker.run(meter)
    except OF_A_TASK as error:
        LOG.exception("%s has failed, and the others go on without it; it is not started again", worker.name)
        meter.failed(worker.name, is_so=True)
        return error
    return None


def _going(futures: Sequence[Future[Exception | None]]) -> bool:
    done, pending = wait(futures, LINE_SECONDS, FIRST_EXCEPTION)
    return bool(pending) and not any(future.exception() for future in done)
