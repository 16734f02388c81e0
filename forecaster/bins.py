"""Readings of one device into bins of event time: a fold that needs no watermark and no clock.

A bin closes when the device reports from a later one, so what is in it depends only on the order of the device's own
readings on the log.
"""

from typing import NamedTuple

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
    """A closed bin: sensor means over ``[number * bin_ms, (number + 1) * bin_ms)``."""

    number: int
    values: Values
    first_offset: int
    last_offset: int


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
        if number < current.number:
            raise LateReadingError(f"event time {event_time} lies {current.number - number} bins behind the open bin")
        if (number - current.number) * bin_ms > MAX_JUMP_MS:
            raise ClockJumpError(f"event time {event_time} lies {number - current.number} bins ahead of the open bin")
        if number == current.number:
            sums = tuple(s if v is None else s + v for s, v in zip(current.sums, values, strict=True))
            counts = tuple(c + (v is not None) for c, v in zip(current.counts, values, strict=True))
            return current._replace(sums=sums, counts=counts, last_offset=offset), None
    opened = OpenBin(
        number,
        tuple(0.0 if v is None else v for v in values),
        tuple(int(v is not None) for v in values),
        offset,
        offset,
    )
    return opened, None if current is None else close(current)


def close(current: OpenBin) -> Bin:
    """The means of a bin that no further reading will enter."""
    means = tuple(s / c if c else float("nan") for s, c in zip(current.sums, current.counts, strict=True))
    return Bin(current.number, means, current.first_offset, current.last_offset)
