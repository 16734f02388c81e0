"""Raw records of one device through the pure step: rows for the bins that closed and for what could not be digested."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from forecaster.bins import ClockJumpError, LateReadingError
from forecaster.config import Config
from schemas.codec import Codec, UndecodableRecord
from schemas.events import DeadLetter
from schemas.wire import Origin, dead_letter
from spark_analytics.device import Closed, Device, Moment, step
from spark_analytics.evaluation import Evaluated
from spark_analytics.models import STAGE

ROWS = """
    device_id STRING, dataset STRING, partition INT, last_offset BIGINT,
    number BIGINT, batch BIGINT, observed ARRAY<FLOAT>, level ARRAY<FLOAT>,
    past ARRAY<STRUCT<number: BIGINT, batch: BIGINT, observed: ARRAY<FLOAT>, level: ARRAY<FLOAT>>>,
    letter BINARY
"""
"""A row is a closed bin, or, where ``letter`` is not null, a dead letter as Avro."""


class Folded(NamedTuple):
    """What some records of a device brought."""

    device: Device
    bins: list[Evaluated]
    letters: list[DeadLetter]


def fold(config: Config, codec: Codec, device: Device, records: pd.DataFrame, batch: int) -> Folded:
    """Take records (``session.records``) in the order of their offsets.

    Args:
        config: of the learning core.
        codec: of the log.
        device: the state before.
        records: of one key.
        batch: the micro-batch they came in.
    """
    bins, letters = [], []
    for row in records.sort_values(["partition", "offset"]).itertuples(index=False):
        value = None if row.value is None else bytes(row.value)
        key = bytes(row.device)
        origin = Origin("iot_stream", int(row.partition), int(row.offset), key, int(row.timestamp))
        try:
            reading: Any = codec.decode("iot_stream", value, key)
            device, closed = step(config, device, reading, origin.offset, batch)
        except (UndecodableRecord, LateReadingError, ClockJumpError) as error:
            letters.append(dead_letter(STAGE, origin, value or b"", error))
            continue
        if closed is not None:
            bins.append(Evaluated(reading.device_id, reading.dataset, origin.partition, closed))
    return Folded(device, bins, letters)


def rows(codec: Codec, folded: Folded) -> pd.DataFrame:
    """The same as rows of ``ROWS``."""
    made = [_row(item) for item in folded.bins]
    made += [{"letter": codec.encode(letter).value} for letter in folded.letters]
    # As objects and with None for what a row lacks: pandas would make NaN of it, which is no array.
    frame = pd.DataFrame(made, columns=[part.split()[0] for part in _columns()], dtype=object)
    return frame.where(frame.notna(), None)


def _columns() -> Iterator[str]:
    depth, column = 0, ""
    for character in ROWS + ",":
        depth += (character == "<") - (character == ">")
        if character == "," and not depth:
            yield column.strip()
            column = ""
        else:
            column += character


def _row(item: Evaluated) -> dict[str, Any]:
    now = item.closed.now
    return {
        "device_id": item.device_id,
        "dataset": item.dataset,
        "partition": item.partition,
        "last_offset": item.closed.last_offset,
        **_plain(now),
        "past": [None if moment is None else _plain(moment) for moment in item.closed.past],
        "letter": None,
    }


def _plain(moment: Moment) -> dict[str, Any]:
    return {
        "number": moment.number,
        "batch": moment.batch,
        "observed": moment.observed.tolist(),
        "level": moment.level.tolist(),
    }


def evaluated(frame: pd.DataFrame) -> Iterator[Evaluated]:
    """The closed bins among rows of ``ROWS``."""
    for row in frame[frame["letter"].isna()].itertuples(index=False):
        past = tuple(None if moment is None else _moment(**_mapping(moment)) for moment in row.past)
        now = _moment(row.number, row.batch, row.observed, row.level)
        yield Evaluated(row.device_id, row.dataset, int(row.partition), Closed(now, past, int(row.last_offset)))


def letters(codec: Codec, frame: pd.DataFrame) -> Iterator[DeadLetter]:
    """The dead letters among rows of ``ROWS``."""
    for value in frame["letter"].dropna():
        letter: Any = codec.decode("dead_letters", bytes(value))
        yield letter


def _mapping(moment: Any) -> dict[str, Any]:
    return moment if isinstance(moment, dict) else moment.asDict()


def _moment(number: int, batch: int, observed: Iterable[float], level: Iterable[float]) -> Moment:
    return Moment(int(number), np.asarray(list(observed), np.float32), np.asarray(list(level), np.float32), int(batch))
