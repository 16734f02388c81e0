"""What the stateful operator says of a device, in one row: many columns would cost Spark more than all the rest."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from forecaster.forecast_table import COLUMNS, Forecasts
from schemas.codec import Codec
from schemas.events import DeadLetter, Event
from schemas.forecasts import predictions

ROWS = "device_id STRING, dataset STRING, reading_partition INT, forecasts BINARY, letter BINARY"
"""A row is forecasts of a device, as the bytes of ``forecast_table.COLUMNS``, or a dead letter as Avro."""
NAMES = [part.split()[0] for part in ROWS.split(", ")]


def packed(
    codec: Codec, device_id: str, dataset: str, partition: int, table: Forecasts, letters: Iterable[DeadLetter]
) -> pd.DataFrame:
    """As rows of ``ROWS``."""
    made: list[tuple[Any, ...]] = [(device_id, dataset, partition, table.tobytes(), None)] if len(table) else []
    made += [(None, None, 0, None, codec.encode(letter).value) for letter in letters]
    return pd.DataFrame(made, columns=NAMES)


def events(codec: Codec, rows: pd.DataFrame, source: str) -> Iterator[Event]:
    """What is in rows of ``ROWS``."""
    for row in rows.itertuples(index=False):
        if row.letter is not None:
            letter: Any = codec.decode("dead_letters", bytes(row.letter))
            yield letter
            continue
        table = np.frombuffer(bytes(row.forecasts), COLUMNS)
        yield from predictions(table, source, row.device_id, int(row.reading_partition), row.dataset)
