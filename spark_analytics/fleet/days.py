"""A device's readings cut into its days, in the order of the log. Pure.

A day is over at the device's first reading from a later one. What comes for it after that is late, and counted with the
day that is open then. So a day is a stretch of the device's records, and however the log is read, it is the same.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from forecaster.binning import Columns
from forecaster.bins import MAX_JUMP_MS
from spark_analytics.fleet.insights import DAY_MS, Behind


class Day(NamedTuple):
    """A day of a device.

    Attributes:
        device_id: whose it is.
        dataset: of its readings.
        span: its start and end, ms.
        times: int64 [n], event times ascending, ms.
        values: float64 [n, sensors], °C, %RH, lux, V, or NaN.
        behind: its stretch of the log, late readings and what is unreadable included.
        late: readings of days before.
        jumped: readings that the device's clock puts more than ``MAX_JUMP_MS`` ahead.
        unreadable: records that are no readings.
    """

    device_id: str
    dataset: str
    span: tuple[int, int]
    times: NDArray[np.int64]
    values: NDArray[np.float64]
    behind: Behind
    late: int
    jumped: int
    unreadable: int


class Resumed(NamedTuple):
    """Where a device's days go on: the end of the newest that is over, and its newest event time before, both ms."""

    end: int
    newest: int


def days(
    device_id: str,
    dataset: str,
    partition: int,
    readings: Columns,
    unreadable: Sequence[int] = (),
    resumed: Resumed | None = None,
) -> Iterator[Day]:
    """The days that readings make, the open one last; nothing while there is nothing but late ones.

    Args:
        device_id: whose they are.
        dataset: of them.
        partition: of them.
        readings: in the order of the log, all behind ``resumed``.
        unreadable: offsets of records that are none.
        resumed: where an earlier call has got to.
    """
    times = readings.event_times
    taken = _taken(times, int(times[0]) if resumed is None else resumed.newest)
    if not len(taken):
        return
    own = times[taken] // DAY_MS
    at = np.maximum.accumulate(own)
    later = at[at * DAY_MS >= resumed.end] if resumed is not None else at
    if not len(later):
        return
    at = np.maximum(at, later[0])
    offsets = readings.offsets[taken]
    if resumed is None:
        # What comes before a device's first reading may have been read, and left, before there was one.
        unreadable = [offset for offset in unreadable if offset > offsets[0]]
    numbers, starts = np.unique(at, return_index=True)
    # Whatever else lies between two days' first readings lies in the former's stretch.
    begins = offsets[starts][1:]
    jumped = np.delete(readings.offsets, taken)
    odd = [np.searchsorted(begins, np.asarray(lost, np.int64), side="right") for lost in (jumped, unreadable)]
    everything = np.concatenate([readings.offsets, np.asarray(unreadable, np.int64)])
    stretch = np.searchsorted(begins, everything, side="right")
    for i, number in enumerate(numbers.tolist()):
        mine = taken[(at == number) & (own == number)]
        mine = mine[np.argsort(times[mine], kind="stable")]
        lying = everything[stretch == i]
        yield Day(
            *(device_id, dataset, (number * DAY_MS, (number + 1) * DAY_MS), times[mine], readings.values[mine]),
            Behind(partition, int(lying.min()), int(lying.max())),
            int(((at == number) & (own < number)).sum()),
            *(int((where == i).sum()) for where in odd),
        )


def _taken(times: NDArray[np.int64], newest: int) -> NDArray[np.intp]:
    """Indices of the readings that do not jump; one that does moves no clock, so those after it are looked at anew."""
    taken = np.arange(len(times))
    while True:
        before = np.maximum.accumulate(np.concatenate([[newest], times[taken]]))[:-1]
        jumps = np.flatnonzero(times[taken] - before > MAX_JUMP_MS)
        if not len(jumps):
            return taken
        taken = np.delete(taken, jumps[0])
