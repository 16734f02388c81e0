"""A raw file made ready for replay: parsed, judged, in event-time order, memory-mapped."""

import gzip
import logging
import os
import shutil
import time
import zlib
from collections.abc import Sequence
from functools import cache as memoized
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from producers import cleaning
from producers.cleaning import INTEL_LAB, Rules, Verdict
from producers.download import sha256
from producers.parse import NONE, Bytes, Rows, parse
from producers.replay import DAY, Timeline, timeline
from schemas.events import SENSORS, DeadLetter, Reading
from schemas.wire import Origin, dead_letter, iso

FORMAT = 1  # goes up when the prepared rows of the same file change, by layout, parsing or cleaning
STAGE = "producers"
QUOTED = 512 * 1024  # bytes of a rejected row that a dead letter carries; the broker takes no record over 1 MiB
_log = logging.getLogger(__name__)


class DataError(ValueError):
    """The data asked for cannot be replayed; the message says why."""


class DataSet(NamedTuple):
    """What is replayed.

    ``rows``: (n,) of dtype ``producers.parse.ROW`` sorted by event time, then by row number, accepted and rejected
    alike. ``text``: the raw file's bytes. Both lie on disk and are mapped. ``rules``: what the rows were held against.
    ``devices``: their ids by the rows' motes, where these do not say it themselves.
    """

    name: str
    rows: Rows
    text: Bytes
    rules: Rules = INTEL_LAB
    devices: Sequence[str] = ()

    @property
    def timeline(self) -> Timeline:
        """How ordinals map to laps and moments."""
        return timeline(self.rows["event_time"])

    def device_id(self, mote: int) -> str:
        """The device that a row's mote is."""
        return self.devices[mote] if self.devices else _intel_lab_id(mote)

    def raw(self, index: int) -> bytes:
        """The bytes of a row as they stand in the file, without its line end."""
        row = self.rows[index]
        return self.text[row["start"] : row["start"] + row["length"]].tobytes()


@memoized
def _intel_lab_id(mote: int) -> str:
    """``mote-07`` for 7."""
    return f"mote-{mote:02d}"


def prepare(path: Path, name: str, cache: Path) -> DataSet:
    """The data set in a raw text file, packed with gzip or not.

    What is made of it lies in ``cache``, named for the file's SHA-256 and ``FORMAT``, and is used again.

    Raises:
        DataError: the file cannot be read or holds no valid row.
    """
    try:
        cache.mkdir(parents=True, exist_ok=True)
        digest = sha256(path)[:16]
        text = _unpacked(path, cache / f"{digest}.txt")
        if text.stat().st_size == 0:
            raise DataError(f"{path} is empty")
        mapped: Bytes = np.memmap(text, np.uint8, mode="r")
        prepared = cache / f"{digest}.rows-{FORMAT}.npy"
        if not prepared.exists():
            _prepare(mapped, prepared, path)
        rows = np.load(prepared, mmap_mode="r")
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    if not (rows["verdict"] == Verdict.ACCEPTED).any():
        raise DataError(f"{path} holds no valid row of `date time epoch moteid {' '.join(SENSORS)}`")
    return DataSet(name, rows, mapped)


def reading(data: DataSet, fields: Sequence[Any], lap: int, shift: int, position: int) -> Reading:
    """The event of an accepted row.

    Args:
        data: whose row it is.
        fields: the row as a tuple in the order of ``producers.parse.ROW``.
        lap: how often the data was replayed before.
        shift: what the lap adds to event time, ms.
        position: ordinal of the row over all laps.
    """
    event_time, _, _, _, _, mote, epoch, temperature, humidity, light, voltage = fields
    return Reading(
        data.device_id(mote),
        event_time + shift,
        None if epoch == NONE else epoch,
        # NaN is what does not equal itself; this line runs for every reading
        temperature if temperature == temperature else None,
        humidity if humidity == humidity else None,
        light if light == light else None,
        voltage if voltage == voltage else None,
        data.name,
        lap,
        position,
    )


def letter(data: DataSet, index: int) -> DeadLetter:
    """The dead letter of a rejected row."""
    row, raw = data.rows[index], data.raw(index)
    key = data.device_id(int(row["mote"])).encode() if row["mote"] >= 0 else None
    origin = Origin(data.name, -1, int(row["row"]), key, int(row["event_time"]))
    return dead_letter(STAGE, origin, raw[:QUOTED], cleaning.RejectedReading(cleaning.message(row, raw, data.rules)))


def letter_prefix(name: str) -> str:
    """How the ids of a data set's dead letters begin."""
    return f"{STAGE}/{name}/-1/"


def report(data: DataSet) -> str:
    """What is in a data set and what became of its rows, as a table."""
    total, line = len(data.rows), data.timeline
    accepted = data.rows["verdict"] == Verdict.ACCEPTED
    first, last = int(data.rows["event_time"][0]), int(data.rows["event_time"][-1])
    table = [
        f"{data.name}: {total:,} rows of {len(np.unique(data.rows['mote'][accepted]))} devices, "
        f"{iso(first)} to {iso(last)} (UTC assumed), days a lap: {line.span // DAY}"
    ]
    for verdict, number in cleaning.count(data.rows["verdict"]).items():
        table.append(f"  {verdict.reason:<26}{number:>12,}{number / total:>9.2%}")
    return "\n".join(table)


def _unpacked(path: Path, target: Path) -> Path:
    """The raw text: the file itself, or ``target`` with what was packed in it."""
    with path.open("rb") as file:
        if file.read(2) != b"\x1f\x8b":
            return path
    if not target.exists():
        part = target.with_name(f"{target.name}.{os.getpid()}")
        with gzip.open(path) as packed, part.open("wb") as unpacked:
            shutil.copyfileobj(packed, unpacked, 1 << 20)
        part.replace(target)
    return target


def _prepare(text: Bytes, target: Path, path: Path) -> None:
    began = time.monotonic()
    rows, formed = parse(text)
    rows["verdict"] = cleaning.judge(rows, formed)
    save(rows, target)
    _log.info("parsed and cleaned %s: %s rows in %.1f s", path.name, f"{len(rows):,}", time.monotonic() - began)


def save(rows: Rows, target: Path) -> None:
    """Write judged rows in event-time order, whole or not at all."""
    part = target.with_name(f"{target.name}.{os.getpid()}")
    with part.open("wb") as file:
        np.save(file, rows[np.argsort(rows["event_time"], kind="stable")])
    part.replace(target)
