import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.parse import NONE, parse
from schemas.events import SENSORS


def parsed(*lines: str | bytes, end: bytes = b"\n"):
    raw = end.join(line if isinstance(line, bytes) else line.encode() for line in lines) + end
    return parse(np.frombuffer(raw, np.uint8))


def values(row):
    return tuple(None if np.isnan(row[s]) else float(row[s]) for s in SENSORS)


WHOLE = "2004-03-04 00:00:26.983691 14285 1 20.5666 35.8876 46.92 2.65143"


def test_a_whole_row_is_read_to_the_last_digit():
    rows, formed = parsed(WHOLE)
    assert formed.tolist() == [True]
    assert (int(rows["mote"][0]), int(rows["epoch"][0]), values(rows[0])) == (
        1,
        14285,
        (20.5666, 35.8876, 46.92, 2.65143),
    )
    assert int(rows["event_time"][0]) == 1078358426983


def test_an_empty_field_is_missing_and_shifts_nothing():
    rows, formed = parsed(
        "2004-03-04 00:00:26.9 14285 1 20.5 35.8  2.65",
        "2004-03-04 00:00:26.9 14285 1    2.65",
        "2004-03-04 00:00:26.9 14285 1    ",
        "2004-03-04 00:00:26.9   20.5 35.8 46.9 2.65",
    )
    assert formed.all()
    assert [values(row) for row in rows] == [
        (20.5, 35.8, None, 2.65),
        (None, None, None, 2.65),
        (None, None, None, None),
        (20.5, 35.8, 46.9, 2.65),
    ]
    assert (int(rows["epoch"][3]), int(rows["mote"][3])) == (NONE, NONE)


@pytest.mark.parametrize(
    ("clock", "milliseconds"),
    [("00:00:26", 0), ("00:00:26.5", 500), ("00:00:26.02954", 29), ("00:00:26.999999", 999), ("00:00:26.0000001", 0)],
)
def test_fractions_of_a_second_of_any_length(clock, milliseconds):
    rows, formed = parsed(f"2004-03-04 {clock} 1 1 1 1 1 2.5")
    assert formed.all()
    assert int(rows["event_time"][0]) == 1078358426000 + milliseconds


@pytest.mark.parametrize(
    "line",
    [
        "",
        "2004-03-04 00:00:26.9 14285 1 20.5 35.8 46.9",
        "2004-03-04  00:00:26.9 14285 1 20.5 35.8 46.9 2.6",
        WHOLE + " 1",
        WHOLE + " ",
        WHOLE + "V",
        WHOLE.replace(" 1 ", " x "),
        WHOLE.replace(" 1 ", " -1 "),
        WHOLE.replace(" 1 ", " 1.0 "),
        WHOLE.replace("20.5666", "nan"),
        WHOLE.replace("20.5666", "1e999"),
        WHOLE.replace("20.5666", "1-2"),
        WHOLE.replace("20.5666", "1_0"),
        WHOLE.replace("20.5666", "20.5666" + "0" * 40),
        WHOLE.replace("03-04", "02-30"),
        WHOLE.replace("03-04", "13-04"),
        WHOLE.replace("2004", "0004"),
        WHOLE.replace("00:00:26.983691", "24:00:26"),
        WHOLE.replace("00:00:26.983691", "00:00:26."),
        WHOLE.replace("00:00:26.983691", "00:00:26.9x"),
        WHOLE.replace("00:00:26.983691", ""),
        WHOLE.encode().replace(b"2.65143", b"2.6\x00"),
        b"\xff\xfe" + WHOLE.encode(),
        WHOLE.replace(" ", "\t"),
    ],
)
def test_what_cannot_be_read_is_malformed_and_harms_no_neighbour(line):
    rows, formed = parsed(WHOLE, line, WHOLE)
    assert formed.tolist() == [True, False, True]
    assert values(rows[0]) == values(rows[2])
    assert len(rows) == 3


def test_rows_without_a_time_stand_where_the_row_before_them_stands():
    later = WHOLE.replace("00:00:26", "00:01:26")
    rows, _ = parsed("rubbish", WHOLE, "rubbish", later, "rubbish")
    assert (np.diff(rows["event_time"]) // 1000).tolist() == [0, 0, 60, 0]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("last", [b"", b"\n"])
def test_row_number_and_bytes_of_each_line(end, last):
    lines = [WHOLE.encode(), b"rubbish", WHOLE.encode() * 2]
    raw = end.join(lines) + last
    rows, _ = parse(np.frombuffer(raw, np.uint8))
    assert rows["row"].tolist() == [0, 1, 2]
    assert [raw[r["start"] : r["start"] + r["length"]] for r in rows] == lines


def test_an_empty_file_has_no_rows():
    rows, formed = parse(np.empty(0, np.uint8))
    assert (len(rows), len(formed)) == (0, 0)


def scalar(line: bytes):
    """The same rules once more, one row at a time and by other means."""
    fields = line.split(b" ")
    if len(fields) != 8 or any(len(f) > 32 for f in fields):
        return None
    if not re.fullmatch(rb"2004-03-\d\d", fields[0]) or not 1 <= int(fields[0][8:]) <= 31:
        return None
    if not re.fullmatch(rb"([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?", fields[1]):
        return None
    if not all(re.fullmatch(rb"\d{0,9}", f) for f in fields[2:4]):
        return None
    number = rb"([+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?)?"
    if not all(re.fullmatch(number, f) for f in fields[4:]):
        return None
    measured = tuple(float(f) if f else None for f in fields[4:])
    return None if any(m is not None and abs(m) == float("inf") for m in measured) else measured


CELLS = st.one_of(st.just(""), st.floats(-1e5, 1e5).map(lambda v: f"{v:.6g}"), st.text("0123456789.-+e ", max_size=6))
LINES = st.builds(
    "2004-03-{:02d} {} {} {} {}".format,
    st.integers(0, 33),
    st.sampled_from(["00:00:00", "12:30:59.5", "23:59:60", "1:00:00", ""]),
    st.one_of(st.integers(0, 10**10), st.just("")),
    st.one_of(st.integers(0, 70000), st.just("")),
    st.lists(CELLS, min_size=3, max_size=5).map(" ".join),
)


@given(st.lists(LINES, min_size=1, max_size=20))
def test_agrees_with_a_row_by_row_reading(lines):
    rows, formed = parsed(*lines)
    expected = [scalar(line.encode()) for line in lines]
    assert formed.tolist() == [e is not None for e in expected]
    assert [values(row) for row, good in zip(rows, formed, strict=True) if good] == [
        e for e in expected if e is not None
    ]
