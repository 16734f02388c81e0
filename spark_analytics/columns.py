"""Forecasts of a device as a frame of plain columns, dead letters among them; what Spark then makes Avro of.

A Python object for each forecast costs ten times what all the rest of an evaluation does.
"""

import json
from collections.abc import Iterable

import numpy as np
import pandas as pd

from forecaster.anomalies.detector import KINDS
from forecaster.forecast_table import Forecasts
from schemas.codec import Codec
from schemas.events import SENSORS, DeadLetter
from schemas.forecasts import faults, prediction_id

PARTS = ("forecast", "persistence", "actual", "error")
PLAIN = ("model_version", "made_at", "target_at", "horizon_ms")
ROWS = ", ".join(
    [
        "prediction_id STRING, source STRING, device_id STRING, dataset STRING, reading_partition INT",
        *(f"{name} BIGINT" for name in (*PLAIN, "reading_offset")),
        *(f"{part}_{sensor} DOUBLE" for part in PARTS for sensor in SENSORS),
        "anomaly_score DOUBLE, fault STRING, scored BOOLEAN, stale INT",
        "letter_key BINARY, letter BINARY, letter_headers STRING, letter_timestamp BIGINT",
    ]
)
"""A row is a forecast, null where it has no number, or, where ``letter`` is not null, that and nothing else."""
NAMES = [part.split()[0] for part in ROWS.split(", ")]
TEXTS = {part.split()[0]: object for part in ROWS.split(", ") if part.endswith(("STRING", "BINARY"))}
"""Kept as objects where all are null, or there are none: Arrow makes several arrays of numbers that are to be text."""
FAULTS = np.array([[faults((first, second)) for second in range(len(KINDS))] for first in range(len(KINDS))], object)


def forecasts(
    table: Forecasts, source: str, device_id: str, partition: int, dataset: str, named: bool = False
) -> pd.DataFrame:
    """As rows of ``ROWS``; the arguments are those of ``schemas.forecasts.predictions``."""
    of = {name: table[name] for name in (*PLAIN, "reading_offset")}
    ids = zip(*(of[name].tolist() for name in ("horizon_ms", "made_at", "model_version")), strict=True)
    shown = {
        "prediction_id": [
            prediction_id(source, device_id, h, at, version if named else None) for h, at, version in ids
        ],
        **{"source": source, "device_id": device_id, "dataset": dataset, "reading_partition": partition},
        **of,
        **{f"{part}_{sensor}": table[part][:, s] for part in PARTS for s, sensor in enumerate(SENSORS)},
        "anomaly_score": table["anomaly_score"],
        "fault": FAULTS[table["kinds"][:, 0], table["kinds"][:, 1]],
        "scored": table["scored"] != 0,
        "stale": table["stale"],
    }
    return pd.DataFrame(shown, columns=NAMES).astype(TEXTS)


def letters(codec: Codec, found: Iterable[DeadLetter]) -> pd.DataFrame:
    """As rows of ``ROWS``."""
    made = []
    for record in map(codec.encode, found):
        headers = json.dumps({name: value.decode() for name, value in record.headers})
        made.append((record.key, record.value, headers, record.timestamp))
    frame = pd.DataFrame(made, columns=["letter_key", "letter", "letter_headers", "letter_timestamp"])
    return frame.reindex(columns=NAMES).assign(scored=False).astype(TEXTS)
