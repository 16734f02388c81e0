import numpy as np
import pytest

from producers import cleaning
from producers.cleaning import Verdict, judge, message
from producers.parse import parse


def judged(*rows: str):
    """Rows given as ``time epoch mote temperature humidity light voltage`` of one day."""
    parsed, formed = parse(np.frombuffer("".join(f"2004-03-04 {row}\n" for row in rows).encode(), np.uint8))
    parsed["verdict"] = judge(parsed, formed)
    return parsed


@pytest.mark.parametrize(
    ("row", "verdict", "says"),
    [
        ("00:00:01 1 7 20 40 100 2.6", Verdict.ACCEPTED, None),
        ("00:00:01 1 7  40 100 2.6", Verdict.ACCEPTED, None),
        ("00:00:01 1 7 20 40 100 ", Verdict.ACCEPTED, None),
        ("00:00:01  7 20 40 100 2.6", Verdict.ACCEPTED, None),
        ("00:00:01 1 7 20 40 1847.36 2.4", Verdict.ACCEPTED, None),
        ("00:00:01 1 7 20 40 100", Verdict.MALFORMED_ROW, "malformed row: not eight fields"),
        ("00:00:01 1 65407 20 40 100 2.6", Verdict.UNKNOWN_MOTE, "unknown mote: 65407 is not in 1..54"),
        ("00:00:01 1 0 20 40 100 2.6", Verdict.UNKNOWN_MOTE, "unknown mote: 0 "),
        ("00:00:01 1  20 40 100 2.6", Verdict.UNKNOWN_MOTE, "unknown mote: no mote id"),
        ("00:00:01 1 7    ", Verdict.NO_MEASUREMENTS, "no measurements: all four"),
        (
            "00:00:01 1 7 20 40 100 18.56",
            Verdict.VOLTAGE_OUT_OF_RANGE,
            "voltage out of range: 18.56 is not in 1.8..3.3 V",
        ),
        ("00:00:01 1 7 122.153 -3.9 100 2.03397", Verdict.LOW_BATTERY, "low battery: 2.03397 V is below 2.4 V"),
        ("00:00:01 1 7 122.153 40 100 2.6", Verdict.TEMPERATURE_OUT_OF_RANGE, "temperature out of range: 122.153 "),
        ("00:00:01 1 7 20 -8983 100 2.6", Verdict.HUMIDITY_OUT_OF_RANGE, "humidity out of range: -8983 "),
        (
            "00:00:01 1 7 20 40 1847.82 2.6",
            Verdict.LIGHT_OUT_OF_RANGE,
            "light out of range: 1847.82 is not in 0..1847.36",
        ),
    ],
)
def test_reasons_and_what_they_say(row, verdict, says):
    rows = judged(row)
    assert Verdict(rows["verdict"][0]) is verdict
    if says:
        assert message(rows[0], b"").startswith(says)
        assert says.startswith(verdict.reason)


def test_of_two_rows_in_an_epoch_the_earlier_one_stays():
    rows = judged(
        "00:00:09 5 7 21 40 100 2.6",
        "00:00:01 5 7 20 40 100 2.6",
        "00:00:02 5 8 20 40 100 2.6",
        "00:00:40 6 7 20 40 100 2.6",
        "00:00:41 6 7 20 40 100 2.6",
        "00:00:41 6 7 20 40 100 2.6",
    )
    assert [Verdict(v).reason for v in rows["verdict"]] == [
        "duplicate epoch", "accepted", "accepted", "accepted", "duplicate epoch", "duplicate epoch",
    ]  # fmt: skip


def test_a_rejected_row_makes_no_duplicate_of_the_one_after_it():
    rows = judged("00:00:01 5 7 122.153 40 100 2.6", "00:00:02 5 7 20 40 100 2.6")
    assert rows["verdict"].tolist() == [Verdict.TEMPERATURE_OUT_OF_RANGE, Verdict.ACCEPTED]


def test_an_epoch_number_that_comes_again_much_later_or_is_missing_is_no_duplicate():
    rows = judged(
        "00:00:01 5 7 20 40 100 2.6", "09:00:01 5 7 20 40 100 2.6", "10:00:00  7 20 40 1 2.6", "10:00:01  7 20 40 1 2.6"
    )
    assert rows["verdict"].tolist() == [0, 0, 0, 0]


def test_counts():
    rows = judged("00:00:01 5 7 20 40 100 2.6", "rubbish", "00:00:01 5 99 20 40 100 2.6", "00:00:02 5 7 20 40 100 2.6")
    counts = cleaning.count(rows["verdict"])
    assert {verdict.reason: n for verdict, n in counts.items() if n} == {
        "accepted": 1, "malformed row": 1, "unknown mote": 1, "duplicate epoch": 1,
    }  # fmt: skip
    assert sum(counts.values()) == len(rows)


def test_every_range_says_why():
    assert all(limits.reason and limits.unit and limits.low < limits.high for limits in cleaning.RANGES.values())
