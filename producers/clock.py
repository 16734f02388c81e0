"""``date`` and ``time`` of the raw rows as moments."""

import numpy as np
import numpy.typing as npt

from schemas.codec import EARLIEST, LATEST

_DATE = "dddd-dd-dd"
_TIME = "dd:dd:dd"
_DIGITS = len(_TIME) + 1  # where the fraction's digits begin


def moments(
    date: npt.NDArray[np.uint8], time: npt.NDArray[np.uint8]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Event times, and which of them could be read.

    The fraction of a second may have any number of digits (the file drops trailing zeros) or be absent; what is finer
    than a millisecond is cut off. The file does not state a time zone: taken as UTC.

    Args:
        date: (n, w) characters of ``2004-02-28``, padded with zeros.
        time: (n, w) characters of ``00:58:46.002832``, padded with zeros.

    Returns:
        (n,) ms since 1970, 0 where unreadable, and (n,) bool.
    """
    date, time = _padded(date, len(_DATE) + 1), _padded(time, _DIGITS + 3)
    good = _shaped(date, _DATE) & (date[:, len(_DATE) :] == 0).all(axis=1) & _shaped(time, _TIME)
    fraction = time[:, _DIGITS:]
    digits = (fraction >= ord("0")) & (fraction <= ord("9"))
    good &= (digits | (fraction == 0)).all(axis=1) & ~(digits[:, 1:] & ~digits[:, :-1]).any(axis=1)
    point = time[:, _DIGITS - 1]
    good &= ((point == ord(".")) & digits[:, 0]) | ((point == 0) & ~digits[:, 0])

    year, month, day = _value(date[:, 0:4]), _value(date[:, 5:7]), _value(date[:, 8:10])
    hour, minute, second = _value(time[:, 0:2]), _value(time[:, 3:5]), _value(time[:, 6:8])
    good &= (hour < 24) & (minute < 60) & (second < 60) & (month >= 1) & (month <= 12) & (day >= 1)
    months = np.where(good, (year - 1970) * 12 + month - 1, 0).astype("M8[M]")
    days = months.astype("M8[D]") + np.where(good, day - 1, 0)
    good &= days.astype("M8[M]") == months  # no 31st of February
    thousandths = _value(np.where(digits[:, :3], fraction[:, :3], ord("0")))
    times = days.astype(np.int64) * 86_400_000 + ((hour * 60 + minute) * 60 + second) * 1000 + thousandths
    good &= (times >= EARLIEST) & (times < LATEST)
    return np.where(good, times, 0), good


def _padded(cell: npt.NDArray[np.uint8], width: int) -> npt.NDArray[np.uint8]:
    missing = width - cell.shape[1]
    return np.pad(cell, ((0, 0), (0, missing))) if missing > 0 else cell


def _shaped(cell: npt.NDArray[np.uint8], shape: str) -> npt.NDArray[np.bool_]:
    """Which cells begin with digits where ``shape`` has a d, and with its other characters where it has those."""
    good = np.ones(len(cell), bool)
    for column, character in enumerate(shape):
        if character == "d":
            good &= (cell[:, column] >= ord("0")) & (cell[:, column] <= ord("9"))
        else:
            good &= cell[:, column] == ord(character)
    return good


def _value(digits: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """(n, w) characters as whole numbers; meaningless where they are no digits."""
    powers = 10 ** np.arange(digits.shape[1])[::-1]
    return (digits.astype(np.int64) - ord("0")) @ powers
