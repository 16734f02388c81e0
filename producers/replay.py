"""The arithmetic of an endless replay: ordinal to lap, row and event time.

Rows, accepted and rejected alike, are numbered in event-time order; the ordinal goes on counting from lap to lap and
is a reading's ``position`` on the log. A lap moves event time on by whole days, so the time of day stays true, and by
more than the data's length, so event time never goes back.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

DAY = 86_400_000  # ms


class Timeline(NamedTuple):
    """A data set in time: how many rows, and how far one lap moves event time (ms)."""

    rows: int
    span: int


class Stretch(NamedTuple):
    """Consecutive ordinals within one lap: the first one, its lap, and the rows ``lo`` to ``hi`` (exclusive)."""

    ordinal: int
    lap: int
    lo: int
    hi: int


def timeline(event_times: npt.NDArray[np.int64]) -> Timeline:
    """The timeline of (n,) sorted event times in ms, n > 0."""
    length = int(event_times[-1]) - int(event_times[0])
    return Timeline(len(event_times), (length // DAY + 1) * DAY)


def locate(line: Timeline, ordinal: int) -> tuple[int, int]:
    """Lap and row of an ordinal."""
    return divmod(ordinal, line.rows)


def event_time(line: Timeline, original: int, lap: int) -> int:
    """When, in ms, a row of time ``original`` happens in a lap."""
    return original + lap * line.span


def stretches(line: Timeline, start: int, step: int, laps: int | None = None) -> Iterator[Stretch]:
    """The replay from an ordinal on, cut at every multiple of ``step`` and at the end of every lap.

    Args:
        line: the data's timeline.
        start: first ordinal.
        step: no stretch crosses a multiple of it.
        laps: where to end; ``None`` goes on for ever.
    """
    ordinal = start
    while laps is None or ordinal < laps * line.rows:
        lap, lo = locate(line, ordinal)
        hi = min(line.rows, lo + step - ordinal % step)
        yield Stretch(ordinal, lap, lo, hi)
        ordinal += hi - lo


def due(moment: int, first: int, speed: float | None) -> float:
    """Seconds after the replay's start at which an event of ``moment`` is to be sent.

    Args:
        moment: event time, ms.
        first: event time of the first event sent, ms.
        speed: event-seconds a second; ``None`` is as fast as possible.
    """
    return 0.0 if speed is None else (moment - first) / 1000 / speed
