"""The replay itself: events one after the other, when they are due, until told to stop."""

import logging
import time
from collections.abc import Container, Iterable
from typing import NamedTuple

from producers.dataset import DataSet
from producers.outgoing import Outgoing, Partitions, outgoing
from producers.progress import Progress
from producers.replay import due, stretches
from producers.resume import BARRIER, Resumption
from producers.writer import Writer

_SERVE_EVERY = 1000  # events between two looks at the producer's reports
_NAP = 0.2  # seconds: how late a signal to stop may be noticed
_TICK = 0.02  # seconds: a wait costs more than an event, so what falls due within one shares it, up to this late
_LAST_FLUSH = 10.0  # seconds granted to what is under way when told to stop
_log = logging.getLogger(__name__)


class Stop:
    """Whether somebody asked to stop."""

    asked = False


class Pace(NamedTuple):
    """``speed``: event-seconds a second, ``None`` for as fast as possible. ``laps``: ``None`` for ever."""

    speed: float | None
    laps: int | None


def announce(writer: Writer, events: Iterable[Outgoing], stop: Stop) -> None:
    """Write what holds for all of the replay; returns when it is on the log, or soon after ``stop.asked``.

    Raises:
        KafkaException: the log did not take an event.
    """
    for event in events:
        if not _written(writer, event, stop):
            return
    _acknowledged(writer, stop)


def run(
    writer: Writer,
    data: DataSet,
    resumption: Resumption,
    sent: Container[str],
    partitions: Partitions,
    pace: Pace,
    progress: Progress,
    stop: Stop,
) -> None:
    """Replay from where the log ends; returns after the last lap, or soon after ``stop.asked``.

    Raises:
        KafkaException: the log did not take an event; starting again goes on without gap or repetition.
    """
    first: int | None = None
    began = time.monotonic()
    for stretch in stretches(data.timeline, resumption.start, BARRIER, pace.laps):
        if stretch.ordinal % BARRIER == 0:
            _acknowledged(writer, stop)
        for number, event in enumerate(outgoing(data, stretch, resumption, sent, partitions)):
            if first is None:
                first, began = event.moment, time.monotonic()
            if pace.speed is not None:
                _sleep_until(began + due(event.moment, first, pace.speed), writer, stop)
            if number % _SERVE_EVERY == 0:
                writer.wait(0)
            if not _written(writer, event, stop):
                break
            progress.note(event)
        if stop.asked:
            break
    if not stop.asked:
        _acknowledged(writer, stop)
    left = writer.flush(_LAST_FLUSH) if stop.asked else 0
    if left:
        _log.warning("%s events are not acknowledged; the next start looks at the log and sends what is missing", left)


def _acknowledged(writer: Writer, stop: Stop) -> None:
    """Wait until all that was sent is on the log, or somebody asks to stop."""
    while not stop.asked and writer.flush(_NAP):
        pass


def _sleep_until(moment: float, writer: Writer, stop: Stop) -> None:
    while not stop.asked and (left := moment - time.monotonic()) > 0:
        writer.wait(min(max(left, _TICK), _NAP))


def _written(writer: Writer, event: Outgoing, stop: Stop) -> bool:
    """Write, waiting for room; ``False`` where told to stop."""
    while not stop.asked:
        if writer.write(event):
            return True
        writer.wait(_NAP)
    return False
