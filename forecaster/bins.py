"""Readings of one device into bins of event time: a fold that needs no watermark and no clock.

A bin closes when the device reports from a later one, so what is in it depends only on the order of the device's own
readings on the log.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

MAX_JUMP_MS = 60 * 86_400_000
"""A device may be silent for a lap of its data set, not for longer: a reading further ahead has a wrong clock."""

FEW = 24
"""Up to so many readings, a loop over them is faster than NumPy's way with columns."""


class Sums(NamedTuple):
    """What one sensor has measured in a bin that is still filling, in its unit (°C, %RH, lux, V)."""

    number: int = 0
    total: float = 0.0
    squares: float = 0.0
    low: float = math.inf
    high: float = -math.inf

    def plus(self, value: float | None) -> "Sums":
        """With one more measurement, or none."""
        if value is None:
            return self
        squares = self.squares + value * value
        return Sums(self.number + 1, self.total + value, squares, min(self.low, value), max(self.high, value))


class Summary(NamedTuple):
    """What the sensors have measured in a bin; of each, [..., sensors], NaN where it measured nothing.

    Attributes:
        counts: measurements.
        mean, low, high: of them; °C, %RH, lux, V.
        deviation: their population standard deviation, in the same units.
    """

    counts: Any
    mean: Any
    low: Any
    high: Any
    deviation: Any


class OpenBin(NamedTuple):
    """A bin that is still filling.

    Attributes:
        number: of bins since 1970.
        sums: one per sensor.
        first_offset, last_offset: of the readings in it.
    """

    number: int
    sums: tuple[Sums, ...]
    first_offset: int
    last_offset: int


class Bin(NamedTuple):
    """A closed bin: what was measured in ``[number * bin_ms, (number + 1) * bin_ms)``.

    Attributes:
        number: of bins since 1970.
        summary: of tuples, one number per sensor.
        first_offset, last_offset: of the readings in it.
        closed_at: event time of the reading that closed it, ms.
    """

    number: int
    summary: Summary
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
            sums = tuple(own.plus(value) for own, value in zip(current.sums, values, strict=True))
            return current._replace(sums=sums, last_offset=offset), None
    opened = OpenBin(number, tuple(Sums().plus(value) for value in values), offset, offset)
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
    """``add`` for several readings, to the same bits.

    Returns:
        The open bin, the bins that closed, and what was refused, by its index in ``readings``.
    """
    few = len(readings.event_times) <= FEW
    return (_one_by_one if few else _at_once)(current, readings, bin_ms)


def _one_by_one(
    current: OpenBin | None, readings: Columns, bin_ms: int
) -> tuple[OpenBin | None, list[Bin], dict[int, LateReadingError | ClockJumpError]]:
    closed, refused = [], dict[int, LateReadingError | ClockJumpError]()
    measured = [tuple(v if math.isfinite(v) else None for v in row) for row in readings.values.tolist()]
    placed = zip(measured, readings.event_times.tolist(), readings.offsets.tolist(), strict=True)
    for i, (values, event_time, offset) in enumerate(placed):
        try:
            current, ended = add(current, values, event_time, offset, bin_ms)
        except (LateReadingError, ClockJumpError) as error:
            refused[i] = error
        else:
            closed += [] if ended is None else [ended]
    return current, closed, refused


def _at_once(
    current: OpenBin | None, readings: Columns, bin_ms: int
) -> tuple[OpenBin | None, list[Bin], dict[int, LateReadingError | ClockJumpError]]:
    numbers = readings.event_times // bin_ms
    refused = _refused(current, readings.event_times, numbers, bin_ms)
    taken = np.delete(np.arange(len(numbers)), list(refused))
    if not len(taken):
        return current, [], refused
    before = [] if current is None else [current]
    bins, groups = np.unique([*(bin_.number for bin_ in before), *numbers[taken]], return_inverse=True)
    group, offsets = groups[len(before) :], readings.offsets[taken].tolist()
    sums = []
    for s in range(readings.values.shape[1]):
        known = np.isfinite(readings.values[taken, s])
        own = (readings.values[taken, s][known], group[known], [bin_.sums[s] for bin_ in before], len(bins))
        sums.append(_sums(*own))
    starts, ends = (np.searchsorted(group, np.arange(len(bins)), side=side).tolist() for side in ("left", "right"))
    made, times = [], readings.event_times[taken]
    for i, number in enumerate(bins.tolist()):
        first = before[0].first_offset if before and i == 0 else offsets[starts[i]]
        last = offsets[ends[i] - 1] if ends[i] > starts[i] else before[0].last_offset
        made.append(OpenBin(number, tuple(own[i] for own in sums), first, last))
    closing = times[starts[1:]].tolist()
    return made[-1], [close(bin_, at) for bin_, at in zip(made[:-1], closing, strict=True)], refused


def _sums(values: NDArray[np.float64], group: NDArray[np.int64], before: list[Sums], n: int) -> list[Sums]:
    """One sensor's sums in ``n`` bins, of which the first may have some ``before``."""
    # The open bin's sums come first: bincount adds in order, as one reading after the other would.
    where = np.concatenate([np.zeros(len(before), np.int64), group])
    count = np.bincount(group, minlength=n)
    total = np.bincount(where, np.concatenate([[own.total for own in before], values]), n)
    squares = np.bincount(where, np.concatenate([[own.squares for own in before], values * values]), n)
    low, high = np.full(n, np.inf), np.full(n, -np.inf)
    np.minimum.at(low, where, np.concatenate([[own.low for own in before], values]))
    np.maximum.at(high, where, np.concatenate([[own.high for own in before], values]))
    count[0] += sum(own.number for own in before)
    columns = (count.tolist(), *(part.astype(np.float64).tolist() for part in (total, squares, low, high)))
    return [Sums(*row) for row in zip(*columns, strict=True)]


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
    """The summary of a bin that no further reading will enter, since one of a later bin has come."""
    columns = zip(*(_summarized(own) for own in current.sums), strict=True)
    return Bin(current.number, Summary(*columns), current.first_offset, current.last_offset, closed_at)


def _summarized(own: Sums) -> tuple[float, ...]:
    if not own.number:
        return 0, math.nan, math.nan, math.nan, math.nan
    mean = own.total / own.number
    variance = own.squares / own.number - mean * mean
    return own.number, mean, own.low, own.high, math.sqrt(max(variance, 0.0))
