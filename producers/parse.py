"""Raw Intel Lab text to a structured array, exactly and a million rows at a time.

A row is ``date time epoch moteid temperature humidity light voltage``, separated by ONE space; a missing value is an
EMPTY field. (Splitting on runs of white space would shift voltage into light.)
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from producers.clock import moments
from schemas.events import SENSORS

Bytes = npt.NDArray[np.uint8]
Rows = npt.NDArray[Any]

FIELDS = ("date", "time", "epoch", "moteid", *SENSORS)
NONE = -1  # an epoch or a mote id that is not there
ROW = np.dtype(
    [
        ("event_time", "i8"),  # ms since 1970; the file does not state a zone, taken as UTC
        ("row", "i8"),  # number of the line in the file, from 0
        ("start", "i8"),  # its first byte
        ("length", "i4"),  # its bytes, line end excluded
        ("verdict", "u1"),  # producers.cleaning.Verdict
        ("mote", "i4"),
        ("epoch", "i8"),
        *((sensor, "f8") for sensor in SENSORS),  # NaN where there is none
    ]
)
_BLOCK = 200_000  # rows parsed at a time: bounds the memory, some 100 MB
_WIDEST = 32  # no honest field is longer
_SPACE, _NEWLINE, _RETURN = b" \n\r"


def parse(text: Bytes) -> tuple[Rows, npt.NDArray[np.bool_]]:
    """Every row of a raw file, in its order, and which of them are well-formed.

    A row without a readable time gets the time of the row before it, so that it has a place in the replay.

    Returns:
        (n,) rows of dtype ``ROW`` (verdicts still 0) and (n,) bool.
    """
    starts, ends = lines(text)
    rows, formed, timed = np.zeros(len(starts), ROW), np.zeros(len(starts), bool), np.zeros(len(starts), bool)
    rows["row"], rows["start"], rows["length"] = np.arange(len(starts)), starts, ends - starts
    for lo in range(0, len(starts), _BLOCK):
        block = slice(lo, lo + _BLOCK)
        formed[block], timed[block] = _parse_block(text, starts[block], ends[block], rows[block])
    fill_times(rows, timed)
    return rows, formed


def fill_times(rows: Rows, timed: npt.NDArray[np.bool_]) -> None:
    """Give rows without a time that of the last one before them that has one, or else the first one's."""
    if timed.any():
        last = np.maximum.accumulate(np.where(timed, np.arange(len(rows)), np.argmax(timed)))
        rows["event_time"] = rows["event_time"][last]


def lines(text: Bytes) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """First byte and end (exclusive) of every line; a carriage return before the line end is not part of it."""
    step = 1 << 24
    found = [np.flatnonzero(text[lo : lo + step] == _NEWLINE) + lo for lo in range(0, len(text), step)]
    ends = np.concatenate([*found, np.empty(0, np.int64)]).astype(np.int64)
    if len(text) and (not len(ends) or ends[-1] != len(text) - 1):
        ends = np.append(ends, len(text))  # the last line lacks its line end
    starts = np.concatenate([[0], ends[:-1] + 1]).astype(np.int64)[: len(ends)]
    returned = (ends > starts) & (text[np.maximum(ends - 1, 0)] == _RETURN)
    return starts, ends - returned


def _parse_block(
    text: Bytes, starts: npt.NDArray[np.int64], ends: npt.NDArray[np.int64], out: Rows
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Fill ``out`` with the fields of these lines; which are well-formed, and which have a readable time."""
    spaces = np.flatnonzero(text[starts[0] : ends[-1]] == _SPACE) + starts[0]
    first, past = np.searchsorted(spaces, starts), np.searchsorted(spaces, ends)
    formed = past - first == len(FIELDS) - 1
    whole = np.flatnonzero(formed)
    between = spaces[first[whole, None] + np.arange(len(FIELDS) - 1)]
    begin = np.column_stack([starts[whole], between + 1])
    end = np.column_stack([between, ends[whole]])
    # A field longer than any honest one makes the row malformed; its first characters do as a stand-in.
    fine = (end - begin <= _WIDEST).all(axis=1)

    cells = [_cells(text, begin[:, column], end[:, column]) for column in range(len(FIELDS))]
    times, timed = moments(cells[0], cells[1])
    timed &= fine
    fine &= timed
    out["event_time"][whole] = times
    for name, cell in zip(("epoch", "mote"), cells[2:4], strict=True):
        values, good = _counts(cell)
        out[name][whole], fine = values, fine & good
    for name, cell in zip(SENSORS, cells[4:], strict=True):
        measured, good = _numbers(cell)
        out[name][whole], fine = measured, fine & good
    formed[whole] = fine
    readable = np.zeros(len(starts), bool)
    readable[whole] = timed
    return formed, readable


def _cells(text: Bytes, begin: npt.NDArray[np.int64], end: npt.NDArray[np.int64]) -> Bytes:
    """(n, widest) characters of one column, padded with zeros; a NUL that the file itself holds becomes 0xFF."""
    length = np.minimum(end - begin, _WIDEST)
    width = max(int(length.max(initial=0)), 1)
    inside = np.arange(width) < length[:, None]
    at = np.where(inside, begin[:, None] + np.arange(width), 0)
    found = text[at]
    return np.where(inside, np.where(found == 0, 0xFF, found), 0).astype(np.uint8)


def _strings(cell: Bytes) -> npt.NDArray[np.bytes_]:
    return np.ascontiguousarray(cell).view(f"S{cell.shape[1]}")[:, 0]


def _within(cell: Bytes, alphabet: bytes) -> npt.NDArray[np.bool_]:
    """Which cells use only these characters."""
    allowed = np.zeros(256, bool)
    allowed[[0, *alphabet]] = True  # 0 is the padding
    return allowed[cell].all(axis=1)


def _counts(cell: Bytes) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Whole numbers of up to nine digits; ``NONE`` where the cell is empty. Values, and which cells are readable."""
    text = _strings(cell)
    good = _within(cell, b"0123456789") & (np.char.str_len(text) <= 9)
    there = good & (text != b"")
    values = np.full(len(cell), NONE, np.int64)
    values[there] = text[there].astype(np.int64)
    return values, good


def _numbers(cell: Bytes) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Finite decimal numbers; NaN where the cell is empty. Values, and which cells are readable."""
    text = _strings(cell)
    good = _within(cell, b"0123456789+-.eE")
    there = good & (text != b"")
    values = np.full(len(cell), np.nan)
    try:
        values[there] = text[there].astype(np.float64)
    except ValueError:  # some cell such as "1-2": find which
        values[there] = [_number(item) for item in text[there]]
    good &= ~there | np.isfinite(values)
    return values, good


def _number(item: bytes) -> float:
    try:
        return float(item)
    except ValueError:
        return np.inf  # not finite: the caller calls the cell unreadable
