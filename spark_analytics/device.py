"""What evaluation remembers of one device: a pure step over its readings, without any model.

The forecaster's own bins and features, so that what Spark evaluates is what Flink trains on.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np
from flax import serialization
from numpy.typing import NDArray

from forecaster import bins, features
from forecaster.bins import OpenBin, Sums
from forecaster.climatology import Climatology
from forecaster.config import Config
from forecaster.features import History
from schemas.events import Reading


class Moment(NamedTuple):
    """A bin from which forecasts were made.

    Attributes:
        number: of the bin, counted since 1970.
        observed: float32 [observed_size], what the bin showed, of ``features.observe``.
        level: float32 [sensors], the bin's means, NaN where missing; °C, %RH, lux, V.
        batch: the micro-batch in which the bin closed.
    """

    number: int
    observed: NDArray[np.float32]
    level: NDArray[np.float32]
    batch: int


class Closed(NamedTuple):
    """A bin that has closed: forecasts are made now, and the ``past`` ones for it (one per horizon) can be scored."""

    now: Moment
    past: tuple[Moment | None, ...]
    last_offset: int


class Device(NamedTuple):
    """The state of one device.

    Attributes:
        open_bin: the bin that is filling.
        history: the last bins, and the device's climatology.
        observed: float32 [span, observed_size], what those bins showed, newest first; all NaN where there was none.
        batches: int64 [span], the micro-batch each closed in.
    """

    open_bin: OpenBin | None
    history: History
    observed: NDArray[np.float32]
    batches: NDArray[np.int64]


def empty(config: Config) -> Device:
    """A device before its first reading."""
    history = jax.tree.map(np.asarray, features.empty(config))
    missing = np.full((config.span, features.observed_size(config)), np.nan, np.float32)
    return Device(None, history, missing, np.zeros(config.span, np.int64))


def step(config: Config, device: Device, reading: Reading, offset: int, batch: int) -> tuple[Device, Closed | None]:
    """Take one reading; the second is the bin that it closed, if any.

    Raises:
        LateReadingError, ClockJumpError: the reading cannot be placed in time; the state stands.
    """
    values = (reading.temperature, reading.humidity, reading.light, reading.voltage)
    opened, closed = bins.add(device.open_bin, values, reading.event_time, offset, config.bin_ms)
    device = device._replace(open_bin=opened)
    if closed is None:
        return device, None
    level = np.asarray(closed.summary.mean, np.float32)
    advanced = _advance(config, device.history, device.observed, np.int32(closed.number), level)
    history, ring, gap = jax.device_get(advanced)
    batches = np.concatenate([np.zeros(int(gap), np.int64), device.batches])[: config.span]
    batches[0] = batch
    device = device._replace(history=history, observed=ring, batches=batches)
    past = tuple(_moment(device, closed.number, ahead) for ahead in config.horizons)
    return device, Closed(Moment(closed.number, ring[0], level, batch), past, closed.last_offset)


def _moment(device: Device, newest: int, age: int) -> Moment | None:
    """The bin ``age`` bins before the newest, if it is remembered."""
    if np.isnan(device.observed[age]).all():
        return None
    level = np.asarray(device.history.values[age])
    return Moment(newest - age, device.observed[age], level, int(device.batches[age]))


@partial(jax.jit, static_argnums=0)
def _advance(
    config: Config, history: History, ring: jax.Array, number: jax.Array, level: jax.Array
) -> tuple[History, jax.Array, jax.Array]:
    gap = features.gap(history, number, config.span)
    aged = features.shift(ring, gap)
    history = features.advance(config, history, number, level)
    return history, aged.at[0].set(features.observe(config, history)), gap


def to_bytes(device: Device) -> bytes:
    """The state as MessagePack, for Spark to keep."""
    state: dict[str, Any] = {
        "open_bin": device.open_bin and [list(map(list, f)) if isinstance(f, tuple) else f for f in device.open_bin],
        "values": device.history.values,
        "newest": int(device.history.newest),
        "sums": device.history.climatology.sums,
        "counts": device.history.climatology.counts,
        "observed": device.observed,
        "batches": device.batches,
    }
    return serialization.msgpack_serialize(state)


def from_bytes(data: bytes) -> Device:
    """The state in ``data``."""
    state = serialization.msgpack_restore(data)
    number, sums, first, last = state["open_bin"]
    opened = OpenBin(number, tuple(Sums(*own) for own in sums), first, last)
    newest: Any = np.int32(state["newest"])
    history = History(state["values"], newest, Climatology(state["sums"], state["counts"]))
    return Device(opened, history, state["observed"], state["batches"])
