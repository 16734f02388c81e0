"""Rows for Spark say what the events would."""

import numpy as np
import pandas as pd
import pyarrow as pa

from forecaster.forecast_table import COLUMNS
from schemas.events import SENSORS, Measurements
from schemas.forecasts import predictions
from schemas.wire import Origin, dead_letter
from spark_analytics.choice import Pin
from spark_analytics.columns import NAMES, TEXTS, forecasts, letters
from spark_analytics.device import Device, step
from tests.unit.spark_analytics.series import CONFIG, DEVICE, numbers, readings


def measured(row: pd.Series, part: str) -> Measurements:
    values = (row[f"{part}_{sensor}"] for sensor in SENSORS)
    return Measurements(*(None if pd.isna(value) else value for value in values))


def test_rows_are_the_events():
    _, table, _ = step(CONFIG, Device(), DEVICE, readings(80), Pin(2, 2, 0, 60_000).choose, numbers)
    for named in (False, True):
        frame = forecasts(table, "batch", DEVICE, 3, "test", named)
        events = list(predictions(table, "batch", DEVICE, 3, "test", named))
        assert list(frame) == NAMES
        assert len(frame) == len(events) > 200
        for (_, row), event in zip(frame.iterrows(), events, strict=True):
            assert row.prediction_id == event.prediction_id
            for name in ("device_id", "model_version", "made_at", "target_at", "horizon_ms", "reading_offset"):
                assert row[name] == getattr(event, name)
            assert measured(row, "forecast") == event.forecast
            assert measured(row, "persistence") == event.persistence
            assert bool(row.scored) == (event.actual is not None)
            if event.actual is not None:
                assert (measured(row, "actual"), measured(row, "error")) == (event.actual, event.error)
            assert (None if row.stale < 0 else bool(row.stale)) == event.stale
            assert row.fault == event.fault


class PlainCodec:
    def encode(self, letter):
        return type("Record", (), {"key": b"k", "value": b"v", "headers": [("stage", b"s")], "timestamp": 5})


LETTER = dead_letter("spark_analytics", Origin("iot_stream", 1, 2, b"mote-01", 3), b"bad", ValueError("bad"))


def test_text_is_objects_even_where_there_is_none():
    # Of a device that has sent nothing but what cannot be read, or has not closed a bin, Arrow must make text too.
    nothing = forecasts(np.zeros(0, COLUMNS), "batch", DEVICE, 3, "test")
    one = letters(PlainCodec(), [LETTER])
    for frame in (nothing, one, letters(PlainCodec(), []), pd.concat([nothing, one])):
        assert set(frame.dtypes[list(TEXTS)]) == {np.dtype(object)}
        for name in TEXTS:
            kind = pa.binary() if name in ("letter_key", "letter") else pa.string()
            column = pa.Array.from_pandas(frame[name], mask=frame[name].isnull(), type=kind)
            assert isinstance(column, pa.Array)


def test_letters_stand_among_them():
    frame = letters(PlainCodec(), [LETTER])
    assert list(frame) == NAMES
    assert frame.loc[0, ["letter_key", "letter", "letter_headers", "letter_timestamp"]].tolist() == [
        *(b"k", b"v", '{"stage": "s"}', 5)
    ]
    assert len(letters(PlainCodec(), [])) == 0
