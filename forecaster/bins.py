"""Readings of one device into bins of event time: a fold that needs no watermark and no clock.

A bin closes when the device reports from a later one, so what is in it depends only on the order of the device's own
readings on the log.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

MAX_JUMP_MS = 60 * 86_400_000
"""A device may be silent for a lap of its data set, not for longer: a reading further ahead has a wrong clock."""

Values = tuple[float, ...]
"""One mean per sensor (°C, %RH, lux, V); NaN where nothing was measured."""


class OpenBin(NamedTuple):
    """A bin that is still filling.

    Attributes:
        number: of bins since 1970.
        sums, counts: one per sensor.
        first_offset, last_offset: of the readings in it.
    """

    number: int
    sums: tuple[float, ...]
    counts: tuple[int, ...]
    first_offset: int
    last_offset: int


class Bin(NamedTuple):
    """A closed bin: sensor means over ``[number * bin_ms, (number + 1) * bin_ms)``.

    Attributes:
        number: of bins since 1970.
        values: one mean per sensor.
        first_offset, last_offset: of the readings in it.
        closed_at: event time of the reading that closed it, ms.
    """

    number: int
    values: Values
    first_offset: int
    last_offset: int
    closed_at: int


class LateReadingError(ValueError):
    """The reading belongs to a bin that has closed."""


class ClockJumpError(ValueError):
    """The reading is further ahead of the device's last one than any silence explains."""


def add(
    current: OpenBin | None, values: tuple[float | None, ...], event_time: int, offset: int, bin_ms: int
) -> tuple[OpenBin, Bin | None]:
    """Take one reading; return the open bin and, where the reading began a new one, the bin it closed.

    Args:
        current: the device's open bin, ``None`` before its first reading.
        values: one measurement per sensor, ``None`` where missing.
        event_time: ms.
        offset: the reading's on the log.
        bin_ms: length of a bin, ms.

    Raises:
        LateReadingError: the reading's bin has closed.
        ClockJumpError: the reading is more than ``MAX_JUMP_MS`` ahead.
    """
    number = event_time // bin_ms
    if current is not None:
        if (error := _refusal(current.number, event_time, bin_ms)) is not None:
            raise error
        if number == current.number:
            sums = tuple(s if v is None else s + v for s, v in zip(current.sums, values, strict=True))
            counts = tuple(c + (v is not None) for c, v in zip(current.counts, values, strict=True))
            return current._replace(sums=sums, counts=counts, last_offset=offset), None
    opened = OpenBin(
        number,
        tuple(0.0 if v is None else 0.0 + v for v in values),
        tuple(int(v is not None) for v in values),
        offset,
        offset,
    )
    return opened, None if current is None else close(current, event_time)


def _refusal(open_number: int, event_time: int, bin_ms: int) -> LateReadingError | ClockJumpError | None:
    ahead = event_time // bin_ms - open_number
    if ahead < 0:
        return LateReadingError(f"event time {event_time} lies {-ahead} bins behind the open bin")
    if ahead * bin_ms > MAX_JUMP_MS:
        return ClockJumpError(f"event time {event_time} lies {ahead} bins ahead of the open bin")
    return None


class Columns(NamedTuple):
    """Readings of one device in the order of the log: int64 [n] ms, float64 [n, sensors] or NaN, int64 [n]."""

    event_times: NDArray[np.int64]
    values: NDArray[np.float64]
    offsets: NDArray[np.int64]


def fold(
    current: OpenBin | None, readings: Columns, bin_ms: int
) -> tuple[OpenBin | None, list[Bin], dict[int, LateReadingError | ClockJumpError]]:
    """``add`` for many readings at once, to the same bits.

    Returns:
        The open bin, the bins that closed, and what was refused, by its index in ``readings``.
    """
    numbers = readings.event_times // bin_ms
    refused = _refused(current, readings.event_times, numbers, bin_ms)
    taken = np.delete(np.arange(len(numbers)), list(refused))
    if not len(taken):
        return current, [], refused
    before = [] if current is None else [current]
    bins, groups = np.unique([*(bin_.number for bin_ in before), *numbers[taken]], return_inverse=True)
    group, offsets = groups[len(before) :], readings.offsets[taken].tolist()
    sums, counts = [], []
    for s in range(readings.values.shape[1]):
        known = np.isfinite(readings.values[taken, s])
        # The open bin's sum comes first: bincount adds in order, as one reading after the other would.
        parts = np.array([*(bin_.sums[s] for bin_ in before), *readings.values[taken, s][known]], np.float64)
        where = np.concatenate([groups[: len(before)], group[known]])
        sums.append(np.bincount(where, parts, len(bins)).astype(np.float64).tolist())
        counts.append(np.bincount(group[known], minlength=len(bins)).tolist())
        counts[s][0] += sum(bin_.counts[s] for bin_ in before)
    starts, ends = (np.searchsorted(group, np.arange(len(bins)), side=side).tolist() for side in ("left", "right"))
    made, times = [], readings.event_times[taken]
    for i, number in enumerate(bins.tolist()):
        first = before[0].first_offset if before and i == 0 else offsets[starts[i]]
        last = offsets[ends[i] - 1] if ends[i] > starts[i] else before[0].last_offset
        made.append(OpenBin(number, tuple(s[i] for s in sums), tuple(c[i] for c in counts), first, last))
    closing = times[starts[1:]].tolist()
    return made[-1], [close(bin_, at) for bin_, at in zip(made[:-1], closing, strict=True)], refused


def _refused(
    current: OpenBin | None, event_times: NDArray[np.int64], numbers: NDArray[np.int64], bin_ms: int
) -> dict[int, LateReadingError | ClockJumpError]:
    refused: dict[int, LateReadingError | ClockJumpError] = {}
    taken = np.arange(len(numbers))
    start = current.number if current is not None else int(numbers[0])
    while True:
        # The newest bin before each reading: what is late does not move it, what jumps would and is taken out first.
        newest = np.maximum.accumulate(np.concatenate([[start], numbers[taken]]))[:-1]
        jumps = np.flatnonzero((numbers[taken] - newest) * bin_ms > MAX_JUMP_MS)
        late = np.flatnonzero(numbers[taken] < newest)
        wrong = jumps[:1] if len(jumps) else late
        for i in taken[late] if not len(jumps) else taken[wrong]:
            error = _refusal(int(newest[np.searchsorted(taken, i)]), int(event_times[i]), bin_ms)
            assert error is not None
            refused[int(i)] = error
        if not len(jumps):
            return refused
        taken = np.delete(taken, wrong)


def close(current: OpenBin, closed_at: int) -> Bin:
    """The means of a bin that no further reading will enter, since one of a later bin has come."""
    means = tuple(s / c if c else float("nan") for s, c in zip(current.sums, current.counts, strict=True))
    return Bin(current.number, means, current.first_offset, current.last_offset, closed_at)
