"""Anybody's data set made ready for replay, as its reader reads it."""

import json
import logging
import math
import os
import time
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from producers import cleaning
from producers.cleaning import Rules, Verdict
from producers.dataset import DataError, DataSet, save
from producers.parse import NONE, ROW, fill_times
from producers.readers import Measured, Reader, Unreadable, load
from schemas.codec import EARLIEST, LATEST
from schemas.events import SENSORS

FORM = "the reader cannot read it"
_log = logging.getLogger(__name__)


def prepare(path: Path, reader_file: Path, cache: Path) -> DataSet:
    """The data set that a reader finds in a file or a folder.

    What is made of it lies in ``cache``, named for the SHA-256 of both, and is used again.

    Raises:
        DataError: the reader is none, or fails, or yields nothing that can be replayed.
    """
    reader = load(reader_file)
    if not path.exists():
        raise DataError(f"{path} does not exist")
    cache.mkdir(parents=True, exist_ok=True)
    stem = cache / f"own-{_digest(path, reader)}"
    rows, text, devices = (stem.with_suffix(suffix) for suffix in (".rows.npy", ".txt", ".devices.json"))
    rules = Rules(reader.ranges, None, None, FORM)
    if not rows.exists():
        _prepare(path, reader, rules, rows, text, devices)
    found = np.load(rows, mmap_mode="r")
    if not (found["verdict"] == Verdict.ACCEPTED).any():
        raise DataError(f"{path} holds no row that {reader_file} reads as a measurement")
    names = tuple(json.loads(devices.read_text()))
    return DataSet(reader.name, found, np.memmap(text, np.uint8, mode="r"), rules, names)


def _prepare(path: Path, reader: Reader, rules: Rules, rows: Path, text: Path, devices: Path) -> None:
    began, motes = time.monotonic(), dict[str, int]()
    made: list[tuple[Any, ...]] = []
    part = text.with_name(f"{text.name}.{os.getpid()}")
    with part.open("wb") as out:
        for number, item in enumerate(_items(path, reader)):
            line = (item.text if isinstance(item, Unreadable) else json.dumps(item._asdict())).encode()
            made.append((number, out.tell(), len(line), *_fields(item, motes)))
            out.write(line + b"\n")
    if not made:
        part.unlink()
        raise DataError(f"{path}: the reader yields nothing")
    part.replace(text)
    table = _table(made)
    table["verdict"] = cleaning.judge(table, table["mote"] != NONE, rules)
    devices.write_text(json.dumps(list(motes)))
    save(table, rows)  # last: where it is, the others are
    _log.info("read %s as %s: %s rows in %.1f s", path.name, reader.name, f"{len(made):,}", time.monotonic() - began)


def _items(path: Path, reader: Reader) -> Iterator[Measured | Unreadable]:
    """What the reader yields, and nothing else.

    Raises:
        DataError: it fails, or yields something else.
    """
    number = 0
    try:
        items: Iterable[Any] = reader.readings(path)
        for item in items:
            if not isinstance(item, Measured | Unreadable):
                raise TypeError(f"{type(item).__name__} is neither Measured nor Unreadable")
            number += 1
            yield item
    except Exception as error:  # it is somebody else's code; whatever it raises is told
        raise DataError(f"the reader fails at row {number} of {path}: {type(error).__name__}: {error}") from error


def _fields(item: Measured | Unreadable, motes: dict[str, int]) -> tuple[Any, ...]:
    """Event time, mote, epoch and values; of what is none, no mote, and no time."""
    if isinstance(item, Unreadable) or not _sound(item):
        return (NONE, NONE, NONE, *(math.nan for _ in SENSORS))
    mote = motes.setdefault(item.device_id, len(motes))
    values = (math.nan if value is None else float(value) for value in item[2:6])
    return (item.event_time, mote, NONE if item.epoch is None else item.epoch, *values)


def _sound(item: Measured) -> bool:
    """Whether it can be an event at all."""
    whole = isinstance(item.event_time, int) and EARLIEST <= item.event_time < LATEST
    finite = all(value is None or math.isfinite(value) for value in item[2:6])
    return whole and finite and isinstance(item.device_id, str) and bool(item.device_id)


def _table(made: list[tuple[Any, ...]]) -> Any:
    """Rows of dtype ``producers.parse.ROW``; what has no time gets the last one before it, or else the first."""
    table = np.zeros(len(made), ROW)
    for name, column in zip(
        ("row", "start", "length", "event_time", "mote", "epoch", *SENSORS), zip(*made, strict=True), strict=True
    ):
        table[name] = column
    fill_times(table, table["mote"] != NONE)
    return table


def _digest(path: Path, reader: Reader) -> str:
    """Of the reader, and of the file, or of all in the folder."""
    digest = sha256(reader.source)
    for file in [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.is_file()):
        digest.update(str(file.relative_to(path)).encode())
        with file.open("rb") as opened:
            while block := opened.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()[:16]
