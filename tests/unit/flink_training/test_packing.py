"""What crosses between the JVM and Python, laid out by hand as the Java side lays it out."""

import struct

import numpy as np

from flink_training.packing import RECORD, Batch, Table, packed
from forecaster.forecast_table import COLUMNS
from schemas.events import Reading
from schemas.wire import Origin, Record


def laid_out(rows):
    """A batch as ``MicroBatches.java`` writes it: rows of offset, timestamp, event time, values, sound, key, value."""
    fixed, blobs = b"", b""
    for offset, timestamp, event_time, values, sound, key, value in rows:
        lengths = [-1 if part is None else len(part) for part in (key, value)]
        fixed += struct.pack("<qqq4diiii", offset, timestamp, event_time, *values, 3, sound, *lengths)
        blobs += (key or b"") + (value or b"")
    return struct.pack("<i", len(rows)) + fixed + blobs


ROWS = [
    (7, 1000, 1001, (20.5, 40.0, float("nan"), 2.6), 1, b"mote-01", b"\0value"),
    (8, 2000, 0, (float("nan"),) * 4, 0, None, None),
    (9, 3000, 0, (float("nan"),) * 4, 0, b"", b"what is this"),
]


def test_records_come_out_as_they_were_laid_in():
    assert RECORD.itemsize == 72
    batch = Batch(laid_out(ROWS))
    assert batch.records["offset"].tolist() == [7, 8, 9]
    assert batch.records["sound"].tolist() == [1, 0, 0]
    np.testing.assert_array_equal(batch.records["values"][0], ROWS[0][3])
    assert [(batch.key(i), batch.value(i)) for i in range(3)] == [row[5:] for row in ROWS]
    assert batch.origin(2) == Origin("iot_stream", 3, 9, b"", 3000)
    assert batch.origin(1).key is None


def test_a_record_that_can_be_read_after_all_says_what_it_says():
    batch = Batch(laid_out(ROWS))
    batch.take(1, Reading("mote-01", 5, None, 1.5, None, 3.5, 4.5, "test"))
    assert batch.records["sound"].tolist() == [1, 1, 0]
    assert batch.records["event_time"][1] == 5
    np.testing.assert_array_equal(batch.records["values"][1], [1.5, np.nan, 3.5, 4.5])


def test_what_goes_out_is_laid_out_as_unpacked_java_reads_it():
    record = Record("local_updates", b"mote-01", b"update", [("sequence", b"3")], 42)
    rows = np.zeros(2, COLUMNS)
    rows["made_at"], rows["scored"] = [10, 20], [0, 1]
    data = packed([record], [Table("mote-01", "test", 3, rows)])
    texts = [b"local_updates", b"mote-01", b"update"]
    expected = struct.pack("<i", 1) + b"".join(struct.pack("<i", len(text)) + text for text in texts)
    expected += struct.pack("<i", 1) + struct.pack("<i", 8) + b"sequence" + struct.pack("<i", 1) + b"3"
    expected += struct.pack("<qi", 42, 1)
    expected += b"".join(struct.pack("<i", len(text)) + text for text in (b"mote-01", b"test")) + struct.pack(
        "<ii", 3, 2
    )
    assert data == expected + rows.tobytes()
    assert COLUMNS.itemsize == 5 * 8 + 5 * 4 * 8 + 8 + 4 * 4
