"""What becomes of a device's readings in evaluation: a pure step, the same in stream, batch and tests.

The forecaster's own bins, features and detector, so that what Spark evaluates is what Flink trains on. However the
readings are cut into batches, state and forecasts are the same.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from flax import serialization
from numpy.typing import NDArray

from forecaster import binning, evaluator
from forecaster.binning import Columns, Refused
from forecaster.bins import OpenBin, Sums
from forecaster.config import Config
from forecaster.forecast_table import COLUMNS, Forecasts, columns
from forecaster.vectors import Vectors
from spark_analytics.choice import Choose

Numbers = Callable[[int], NDArray[np.float32]]
"""A version's model as ``course.numbers`` has it."""


class Device(NamedTuple):
    """The state of one device; without ``watcher`` before its first bin has closed (``evaluator.run``)."""

    open_bin: OpenBin | None = None
    watcher: Vectors | None = None


def step(
    config: Config,
    device: Device,
    device_id: str,
    readings: Columns,
    choose: Choose,
    numbers: Numbers,
    chunk: int = evaluator.CHUNK,
) -> tuple[Device, Forecasts, Refused]:
    """Take readings; forecast from the bins that they close, and score what was forecast for those.

    Args:
        config: of the learning core.
        device: the state before.
        device_id: whose it is.
        readings: its next ones on the log.
        choose: which version forecasts at each bin.
        numbers: of those versions.
        chunk: bins that one call of ``evaluator.run`` takes.

    Returns:
        The state after; the forecasts; readings that cannot be placed in time, by their index.
    """
    opened, closed, refused = binning.fold(device.open_bin, readings, config.bin_ms)
    if not len(closed.numbers):
        return Device(opened, device.watcher), np.zeros(0, COLUMNS), refused
    watcher = evaluator.begin(config) if device.watcher is None else device.watcher
    chosen = choose(device_id, (closed.numbers + 1) * config.bin_ms)
    tables, summaries = [], closed.summaries.astype(np.float32)
    begins = np.flatnonzero(np.diff(chosen.versions, prepend=chosen.versions[0] - 1))
    for begin, end in zip(begins, [*begins[1:], len(closed.numbers)], strict=True):
        part, version = slice(begin, end), int(chosen.versions[begin])
        taken = closed.numbers[part], summaries[part], numbers(version), version, chosen.stale[part], chunk
        watcher, outputs = evaluator.run(config, watcher, *taken)
        placed = closed.numbers[part], chosen.versions[part], closed.last_offsets[part]
        tables.append(columns(config, *placed, outputs, chosen.stale[part]))
    table = tables[0] if len(tables) == 1 else np.concatenate(tables)
    # Those made go onto the log before those scored: what a bin's verdict stood on can then be told from there (past).
    return Device(opened, watcher), table[np.argsort(table["scored"], kind="stable")], refused


def latest(table: Forecasts) -> Forecasts:
    """Each forecast once: scored, where its time has come within the table, else as it was made; in order."""
    made, horizons = np.ascontiguousarray(table["made_at"]), np.ascontiguousarray(table["horizon_ms"])
    order = np.lexsort((table["scored"], horizons, made))
    made, horizons = made[order], horizons[order]
    last = np.ones(len(table), np.bool_)
    last[:-1] = (made[1:] != made[:-1]) | (horizons[1:] != horizons[:-1])
    return table[order[last]]


def to_bytes(device: Device) -> bytes:
    """The state as MessagePack, for Spark to keep."""
    opened = device.open_bin
    return serialization.msgpack_serialize(
        {
            "open_bin": opened and [opened.number, [list(own) for own in opened.sums], *opened[2:]],
            "watcher": None if device.watcher is None else {"floats": device.watcher[0], "integers": device.watcher[1]},
        }
    )


def from_bytes(data: bytes) -> Device:
    """The state in ``data``."""
    state = serialization.msgpack_restore(data)
    opened, watcher = state["open_bin"], state["watcher"]
    if opened is not None:
        number, sums, first, last = opened
        opened = OpenBin(number, tuple(Sums(*own) for own in sums), first, last)
    return Device(opened, watcher and Vectors(watcher["floats"], watcher["integers"]))
