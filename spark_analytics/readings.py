"""Records of one device, decoded by Spark where it could, as columns for the pure step; letters for the rest."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from forecaster.binning import Columns, Refused
from schemas.codec import EARLIEST, LATEST, Codec, UndecodableRecord
from schemas.events import SENSORS, DeadLetter
from schemas.wire import Origin, dead_letter

STAGE = "spark_analytics"
TOPIC = "iot_stream"
FINITE = " AND ".join(f"coalesce(abs(event.{sensor}) < double('Infinity'), true)" for sensor in SENSORS)
"""NaN is larger than everything to Spark."""
COLUMNS = (
    "key",
    "value",
    "partition",
    "offset",
    "timestamp",
    "event.device_id AS device_id",
    "event.event_time AS event_time",
    *(f"event.{sensor} AS {sensor}" for sensor in SENSORS),
    "event.dataset AS dataset",
    "coalesce(encode(event.device_id, 'UTF-8') = key"
    f" AND event.event_time >= {EARLIEST} AND event.event_time < {LATEST} AND {FINITE}, false) AS sound",
)
"""What is selected of ``frames.decoded``. What is not ``sound``, Spark could not read, or it breaks a promise that Avro
cannot express (``codec.check``): the codec says which."""


class Readings(NamedTuple):
    """Of one device, in the order of the log.

    Attributes:
        device_id, dataset, partition: of the last of them.
        columns: what they say.
        records: the rows they come from, for letters.
    """

    device_id: str
    dataset: str
    partition: int
    columns: Columns
    records: pd.DataFrame


def readings(codec: Codec, records: pd.DataFrame) -> tuple[Readings | None, list[DeadLetter]]:
    """Those of one key.

    Args:
        codec: for what Spark could not read.
        records: of ``COLUMNS``, in any order.

    Returns:
        None where no record is a reading; letters for those that are none.
    """
    order = np.lexsort((records["offset"].to_numpy(), records["partition"].to_numpy()))
    if (np.diff(order) != 1).any():
        records = records.iloc[order]
    records = records.reset_index(drop=True)
    sound, letters = records["sound"].to_numpy(np.bool_, copy=True), []
    for i in np.flatnonzero(~sound).tolist():
        value, key, origin = _value(records, i), bytes(records.at[i, "key"]), _origin(records, i)
        try:
            reading: Any = codec.decode(TOPIC, value, key)
        except UndecodableRecord as error:
            letters.append(dead_letter(STAGE, origin, value or b"", error))
            continue
        sound[i] = True
        for name in ("device_id", "event_time", *SENSORS, "dataset"):
            records.at[i, name] = getattr(reading, name)
    if not sound.any():
        return None, letters
    if not sound.all():
        records = records[sound].reset_index(drop=True)
    columns = Columns(
        records["event_time"].to_numpy(np.int64),
        np.stack([records[sensor].to_numpy(np.float64, na_value=np.nan) for sensor in SENSORS], axis=1),
        records["offset"].to_numpy(np.int64),
    )
    device_id, dataset, partition = (records[name].to_numpy()[-1] for name in ("device_id", "dataset", "partition"))
    return Readings(device_id, dataset, int(partition), columns, records), letters


def refusals(readings: Readings, refused: Refused) -> list[DeadLetter]:
    """Letters for readings that cannot be placed in time."""
    rows = readings.records
    return [dead_letter(STAGE, _origin(rows, i), _value(rows, i) or b"", error) for i, error in refused.items()]


def _value(records: pd.DataFrame, i: int) -> bytes | None:
    value = records.at[i, "value"]
    return None if value is None else bytes(value)


def _origin(records: pd.DataFrame, i: int) -> Origin:
    row = records.iloc[i]
    return Origin(TOPIC, int(row.partition), int(row.offset), bytes(row.key), int(row.timestamp))
