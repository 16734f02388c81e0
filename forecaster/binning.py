"""Many readings of one device into bins at once: ``bins.add`` over and over, to the same bits, in columns."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from forecaster.bins import MAX_JUMP_MS, Bin, ClockJumpError, LateReadingError, OpenBin, Summary, Sums, add, refusal

FEW = 24
"""Up to so many readings, a loop over them is faster than NumPy's way with columns."""

Refused = dict[int, LateReadingError | ClockJumpError]
"""Readings that cannot be placed in time, by their index."""


class Columns(NamedTuple):
    """Readings of one device in the order of the log: int64 [n] ms, float64 [n, sensors] or NaN, int64 [n]."""

    event_times: NDArray[np.int64]
    values: NDArray[np.float64]
    offsets: NDArray[np.int64]


class Closed(NamedTuple):
    """Closed bins of one device, in order; each as a ``Bin`` says it.

    Attributes:
        numbers: int64 [n], of bins since 1970.
        summaries: float64 [n, 5, sensors], the parts of ``bins.Summary``, its counts too; °C, %RH, lux, V.
        first_offsets, last_offsets: int64 [n], of the readings in them.
        closed_at: int64 [n], event times of the readings that closed them, ms.
    """

    numbers: NDArray[np.int64]
    summaries: NDArray[np.float64]
    first_offsets: NDArray[np.int64]
    last_offsets: NDArray[np.int64]
    closed_at: NDArray[np.int64]

    def part(self, begin: int, end: int | None = None) -> "Closed":
        """Those from ``begin`` on, before ``end`` or to the last."""
        columns: Any = (column[begin:end] for column in self)
        return Closed(*columns)


def fold(current: OpenBin | None, readings: Columns, bin_ms: int) -> tuple[OpenBin | None, Closed, Refused]:
    """``bins.add`` for several readings.

    Returns:
        The open bin, the bins that closed, and what was refused.
    """
    few = len(readings.event_times) <= FEW
    return (_one_by_one if few else _at_once)(current, readings, bin_ms)


def _one_by_one(current: OpenBin | None, readings: Columns, bin_ms: int) -> tuple[OpenBin | None, Closed, Refused]:
    closed: list[Bin] = []
    refused: Refused = {}
    measured = [tuple(v if math.isfinite(v) else None for v in row) for row in readings.values.tolist()]
    placed = zip(measured, readings.event_times.tolist(), readings.offsets.tolist(), strict=True)
    for i, (values, event_time, offset) in enumerate(placed):
        try:
            current, ended = add(current, values, event_time, offset, bin_ms)
        except (LateReadingError, ClockJumpError) as error:
            refused[i] = error
        else:
            closed += [] if ended is None else [ended]
    return current, _columns(closed, readings.values.shape[1]), refused


def _columns(closed: Sequence[Bin], sensors: int) -> Closed:
    parts = np.array([bin_.summary for bin_ in closed], np.float64).reshape(len(closed), len(Summary._fields), sensors)
    numbers = np.array([(b.number, b.first_offset, b.last_offset, b.closed_at) for b in closed], np.int64).reshape(
        -1, 4
    )
    number, *rest = numbers.T
    return Closed(number, parts, *rest)


def _at_once(current: OpenBin | None, readings: Columns, bin_ms: int) -> tuple[OpenBin | None, Closed, Refused]:
    numbers = readings.event_times // bin_ms
    refused = _refused(current, readings.event_times, numbers, bin_ms)
    taken = np.delete(np.arange(len(numbers)), list(refused))
    sensors = readings.values.shape[1]
    if not len(taken):
        return current, _columns([], sensors), refused
    values = readings.values[taken]
    known = np.isfinite(values)
    plain = np.where(known, values, 0.0)
    # Rows of [count, total, squares, low, high]; what the open bin has comes first, as a row by itself.
    rows = np.stack(
        [known, plain, plain * plain, np.where(known, values, np.inf), np.where(known, values, -np.inf)], axis=1
    )
    times, place = readings.event_times[taken], numbers[taken]
    firsts = lasts = readings.offsets[taken]
    if current is not None:
        rows = np.concatenate([np.array(current.sums, np.float64).T[None], rows])
        place, times = np.append(current.number, place), np.append(0, times)
        firsts, lasts = np.append(current.first_offset, firsts), np.append(current.last_offset, lasts)
    starts = np.flatnonzero(np.diff(place, prepend=place[0] - 1))
    ends = np.append(starts[1:], len(place))
    group = np.repeat(np.arange(len(starts)), ends - starts)
    # bincount adds in order, as one reading after the other would.
    where = (group[:, None, None] * 3 + np.arange(3)[:, None]) * sensors + np.arange(sensors)
    sums = np.bincount(where.ravel(), rows[:, :3].ravel(), len(starts) * 3 * sensors).reshape(-1, 3, sensors)
    low, high = np.minimum.reduceat(rows[:, 3], starts), np.maximum.reduceat(rows[:, 4], starts)
    columns = np.concatenate([sums, low[:, None], high[:, None]], axis=1)
    last = [Sums(int(count), *rest) for count, *rest in columns[-1].T.tolist()]
    opened = OpenBin(int(place[-1]), tuple(last), int(firsts[starts[-1]]), int(lasts[-1]))
    closed = (
        place[starts[:-1]],
        summaries(columns[:-1]),
        firsts[starts[:-1]],
        lasts[ends[:-1] - 1],
        times[starts[1:]],
    )
    return opened, Closed(*closed), refused


def summaries(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """The parts of ``bins.Summary`` from those of ``bins.Sums``, float64 [n, 5, ...], as ``bins.close`` has them."""
    count, total, squares, low, high = np.moveaxis(columns, 1, 0)
    some = np.where(count > 0, count, np.nan)
    mean = total / some
    deviation = np.sqrt(np.maximum(squares / some - mean * mean, 0.0))
    low, high = np.where(count > 0, low, np.nan), np.where(count > 0, high, np.nan)
    return np.stack([count, mean, low, high, deviation], axis=1)


def _refused(
    current: OpenBin | None, event_times: NDArray[np.int64], numbers: NDArray[np.int64], bin_ms: int
) -> Refused:
    refused: Refused = {}
    taken = np.arange(len(numbers))
    start = current.number if current is not None else int(numbers[0])
    while True:
        # The newest bin before each reading: what is late does not move it, what jumps would and is taken out first.
        newest = np.maximum.accumulate(np.concatenate([[start], numbers[taken]]))[:-1]
        jumps = np.flatnonzero((numbers[taken] - newest) * bin_ms > MAX_JUMP_MS)
        late = np.flatnonzero(numbers[taken] < newest)
        wrong = jumps[:1] if len(jumps) else late
        for i in taken[late] if not len(jumps) else taken[wrong]:
            error = refusal(int(newest[np.searchsorted(taken, i)]), int(event_times[i]), bin_ms)
            assert error is not None
            refused[int(i)] = error
        if not len(jumps):
            return refused
        taken = np.delete(taken, wrong)
