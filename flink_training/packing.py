"""How a batch crosses between the JVM and Python: one array of bytes each way, little-endian, without padding.

In (``Measured.java``, ``MicroBatches.java``): the number of records, that many of ``RECORD``, then key and value of
each. Out (``Unpacked.java``): the number of records, each as topic, key, value, headers, timestamp; the number of
tables of forecasts, each as device, data set, partition, number of rows, rows of ``forecast_table.COLUMNS``. Numbers of
things and lengths are int32.
"""

import struct
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from forecaster.forecast_table import Forecasts
from schemas.events import Reading
from schemas.wire import Origin, Record

RECORD = np.dtype(
    [
        ("offset", "<i8"),
        ("timestamp", "<i8"),
        ("event_time", "<i8"),
        ("values", "<f8", 4),
        ("partition", "<i4"),
        ("sound", "<i4"),
        ("key", "<i4"),
        ("value", "<i4"),
    ]
)
"""A record of ``iot_stream``: where it lies; if ``sound``, what it says (ms; °C, %RH, lux, V); lengths, -1 for null.

What is not sound has no event time, 0, and its timestamp decides nothing: who sends rubbish may send any."""
_INT, _LONG = struct.Struct("<i"), struct.Struct("<q")


class Table(NamedTuple):
    """Forecasts of one device, and what they have in common."""

    device_id: str
    dataset: str
    partition: int
    rows: Forecasts


class Batch:
    """Records of one key, in the order of the log."""

    def __init__(self, data: bytes) -> None:
        (n,) = _INT.unpack_from(data)
        self.records: NDArray[np.void] = np.frombuffer(data, RECORD, n, _INT.size).copy()
        self._data = data
        lengths = np.maximum(np.stack([self.records["key"], self.records["value"]], axis=1), 0)
        self._ends = _INT.size + n * RECORD.itemsize + np.cumsum(lengths).reshape(n, 2)

    def key(self, i: int) -> bytes | None:
        """The key of record ``i``."""
        end, length = int(self._ends[i, 0]), int(self.records["key"][i])
        return None if length < 0 else self._data[end - length : end]

    def value(self, i: int) -> bytes | None:
        """The value of record ``i``, as it lies on the log."""
        end, length = int(self._ends[i, 1]), int(self.records["value"][i])
        return None if length < 0 else self._data[end - length : end]

    def take(self, i: int, reading: Reading) -> None:
        """Record ``i`` says this after all."""
        values = (reading.temperature, reading.humidity, reading.light, reading.voltage)
        self.records["event_time"][i] = reading.event_time
        self.records["values"][i] = [np.nan if value is None else value for value in values]
        self.records["sound"][i] = 1

    def origin(self, i: int) -> Origin:
        """Where record ``i`` lies."""
        record = self.records[i]
        place = (int(record["partition"]), int(record["offset"]))
        return Origin("iot_stream", *place, self.key(i), int(record["timestamp"]))


def packed(records: Sequence[Record], tables: Sequence[Table]) -> bytes:
    """Records and forecasts for the JVM to write."""
    parts = [_INT.pack(len(records))]
    for record in records:
        parts += [*_text(record.topic), *_bytes(record.key), *_bytes(record.value), _INT.pack(len(record.headers))]
        for name, value in record.headers:
            parts += [*_text(name), *_bytes(value)]
        parts.append(_LONG.pack(record.timestamp))
    parts.append(_INT.pack(len(tables)))
    for table in tables:
        parts += [*_text(table.device_id), *_text(table.dataset), _INT.pack(table.partition)]
        parts += [_INT.pack(len(table.rows)), table.rows.tobytes()]
    return b"".join(parts)


def _bytes(data: bytes) -> tuple[bytes, bytes]:
    return _INT.pack(len(data)), data


def _text(text: str) -> tuple[bytes, bytes]:
    return _bytes(text.encode())
