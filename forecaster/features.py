"""What the network sees: a short history of one device's bins as a feature vector."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from forecaster.config import DAY_MS, LEVELS, SCALES, SENSORS, Config

HALF_HOUR_MOVES = 2
BIN_MOVES = 3
HARMONICS = 2
FEATURES = len(SENSORS) * (HALF_HOUR_MOVES + BIN_MOVES + 1) + 2 * HARMONICS
HALF_HOUR_MS = 1_800_000


class History(NamedTuple):
    """The newest bins of a device.

    Attributes:
        values: float32 [remembered, sensors], newest first, NaN where nothing was measured; °C, %RH, lux, V.
        newest: int32 [], number of the newest bin, counted since 1970; -1 before the first.
    """

    values: jax.Array
    newest: jax.Array


def empty(config: Config) -> History:
    """A history without any bin, as long as the longest horizon and the oldest move need."""
    remembered = max(config.span, HALF_HOUR_MOVES * half_hour(config) + 1)
    return History(jnp.full((remembered, len(SENSORS)), jnp.nan), jnp.int32(-1))


def half_hour(config: Config) -> int:
    """Bins in half an hour, at least one."""
    return max(HALF_HOUR_MS // config.bin_ms, 1)


def shift(ring: jax.Array, bins: jax.Array) -> jax.Array:
    """Age the rows of ``ring`` (newest first) by ``bins``; rows without a past become NaN (0 for integers)."""
    rows = jnp.arange(ring.shape[0]) - bins
    missing = jnp.nan if jnp.issubdtype(ring.dtype, jnp.floating) else 0
    known = (rows >= 0).reshape((-1,) + (1,) * (ring.ndim - 1))
    return jnp.where(known, ring[jnp.maximum(rows, 0)], missing)


def gap(history: History, number: jax.Array, span: int) -> jax.Array:
    """Bins from the newest one to bin ``number``, at most ``span``: beyond it nothing is remembered anyway."""
    return jnp.where(history.newest < 0, span, jnp.minimum(number - history.newest, span))


def advance(history: History, number: jax.Array, values: jax.Array) -> History:
    """Push one closed bin; bins in between in which the device was silent are missing."""
    aged = shift(history.values, gap(history, number, history.values.shape[0]))
    return History(aged.at[0].set(values), jnp.asarray(number, jnp.int32))


def featurize(config: Config, history: History) -> jax.Array:
    """The feature vector of the newest bin: float32 [FEATURES], 0 where something is missing.

    Per sensor, in units of ``SCALES``: the last two half-hour moves, the last three one-bin moves, the level. Then
    sine and cosine of the time of day and of its first harmonic.
    """
    scales, levels = jnp.asarray(SCALES), jnp.asarray(LEVELS)
    values = history.values
    stride = half_hour(config)
    moves = [values[i * stride] - values[(i + 1) * stride] for i in range(HALF_HOUR_MOVES)]
    moves += [values[i] - values[i + 1] for i in range(BIN_MOVES)]
    level = (values[0] - levels) / (10 * scales)
    day = DAY_MS // config.bin_ms
    phase = 2 * jnp.pi * (history.newest % day) / day
    clock = jnp.stack([f(k * phase) for k in range(1, HARMONICS + 1) for f in (jnp.sin, jnp.cos)])
    features = jnp.concatenate([*(move / scales for move in moves), level, clock])
    return jnp.clip(jnp.nan_to_num(features), -10, 10).astype(jnp.float32)
