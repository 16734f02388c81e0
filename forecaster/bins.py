"""Readings of one device into bins of event time: a fold that needs no watermark and no clock.

A bin closes when the device reports from a later one, so what is in it depends only on the order of the device's own
readings on the log.
"""

import math
from typing import Any, NamedTuple

MAX_JUMP_MS = 60 * 86_400_000
"""A device may be silent for a lap of its data set, not for longer: a reading further ahead has a wrong clock."""


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
        if (error := refusal(current.number, event_time, bin_ms)) is not None:
            raise error
        if number == current.number:
            sums = tuple(own.plus(value) for own, value in zip(current.sums, values, strict=True))
            return current._replace(sums=sums, last_offset=offset), None
    opened = OpenBin(number, tuple(Sums().plus(value) for value in values), offset, offset)
    return opened, None if current is None else close(current, event_time)


def refusal(open_number: int, event_time: int, bin_ms: int) -> LateReadingError | ClockJumpError | None:
    """Why a reading cannot be placed in time while bin ``open_number`` is open, if it cannot."""
    ahead = event_time // bin_ms - open_number
    if ahead < 0:
        return LateReadingError(f"event time {event_time} lies {-ahead} bins behind the open bin")
    if ahead * bin_ms > MAX_JUMP_MS:
        return ClockJumpError(f"event time {event_time} lies {ahead} bins ahead of the open bin")
    return None


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
