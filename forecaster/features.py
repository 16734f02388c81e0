"""What a model sees: a short history of one device's bins, and what is usual at this time, as a feature vector."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from forecaster import climatology
from forecaster.climatology import Climatology
from forecaster.config import LEVELS, SCALES, SENSORS, Config

HALF_HOUR_MOVES = 2
BIN_MOVES = 3
HARMONICS = 2


class History(NamedTuple):
    """What a device remembers of its own readings.

    Attributes:
        values: float32 [remembered, sensors], its bins, newest first, NaN where nothing was measured; °C, %RH, lux, V.
        newest: int32 [], number of the newest bin, counted since 1970; -1 before the first.
        climatology: its own.
    """

    values: jax.Array
    newest: jax.Array
    climatology: Climatology


def empty(config: Config) -> History:
    """A history without any bin, as long as the longest horizon and the oldest move need."""
    remembered = max(config.span, HALF_HOUR_MOVES * config.half_hour + 1)
    values = jnp.full((remembered, len(SENSORS)), jnp.nan)
    return History(values, jnp.int32(-1), climatology.empty(config))


def observed_size(config: Config) -> int:
    """Length of what ``observe`` returns."""
    horizons, sensors = config.outputs
    return sensors * (HALF_HOUR_MOVES + BIN_MOVES + 2 + horizons) + 2 * HARMONICS


def size(config: Config) -> int:
    """Length of a feature vector."""
    horizons, sensors = config.outputs
    return observed_size(config) + horizons * sensors


def shift(ring: jax.Array, bins: jax.Array) -> jax.Array:
    """Age the rows of ``ring`` (newest first) by ``bins``; rows without a past become NaN (0 for integers)."""
    rows = jnp.arange(ring.shape[0]) - bins
    missing = jnp.nan if jnp.issubdtype(ring.dtype, jnp.floating) else 0
    known = (rows >= 0).reshape((-1,) + (1,) * (ring.ndim - 1))
    return jnp.where(known, ring[jnp.maximum(rows, 0)], missing)


def gap(history: History, number: jax.Array, span: int) -> jax.Array:
    """Bins from the newest one to bin ``number``, at most ``span``: beyond it nothing is remembered anyway."""
    return jnp.where(history.newest < 0, span, jnp.minimum(number - history.newest, span))


def advance(config: Config, history: History, number: jax.Array, values: jax.Array) -> History:
    """Push one closed bin; bins in between in which the device was silent are missing."""
    number = jnp.asarray(number, jnp.int32)
    remembered = shift(history.values, gap(history, number, history.values.shape[0])).at[0].set(values)
    move = (remembered[0] - remembered[config.half_hour]) / jnp.asarray(SCALES)
    usual = climatology.learn(config, history.climatology, number - config.half_hour, move)
    return History(remembered, number, usual)


def observe(config: Config, history: History) -> jax.Array:
    """What the newest bin shows without the fleet: float32 [observed_size], NaN where something is missing.

    Per sensor, in units of ``SCALES``: the last two half-hour moves, the last three one-bin moves, the level, the
    last half-hour move less the usual one; sine and cosine of the time of day and of its first harmonic; the
    device's own usual moves to each horizon.
    """
    scales, levels = jnp.asarray(SCALES), jnp.asarray(LEVELS)
    values, number, stride = history.values, history.newest, config.half_hour
    moves = [values[i * stride] - values[(i + 1) * stride] for i in range(HALF_HOUR_MOVES)]
    moves += [values[i] - values[i + 1] for i in range(BIN_MOVES)]
    level = (values[0] - levels) / (10 * scales)
    surprise = moves[0] / scales - climatology.rate(config, history.climatology, (number - stride)[None])[0]
    phase = 2 * jnp.pi * (number % config.day) / config.day
    clock = jnp.stack([f(k * phase) for k in range(1, HARMONICS + 1) for f in (jnp.sin, jnp.cos)])
    usual = climatology.moves(config, history.climatology, number)
    parts = [*(move / scales for move in moves), level, surprise, clock, usual.ravel()]
    return jnp.concatenate(parts).astype(jnp.float32)


def complete(config: Config, observed: jax.Array, number: jax.Array, fleet: Climatology) -> jax.Array:
    """The feature vector: float32 [size], 0 where something is missing.

    What is observed, then the fleet's usual moves; they stand in for a usual move of its own that a device lacks.
    """
    theirs = climatology.moves(config, fleet, number).ravel()
    before = observed.shape[0] - theirs.shape[0]
    own = jnp.where(jnp.isnan(observed[before:]), theirs, observed[before:])
    features = jnp.concatenate([observed[:before], own, theirs])
    return jnp.clip(jnp.nan_to_num(features), -10, 10).astype(jnp.float32)


def retold(config: Config, features: jax.Array, own: jax.Array, number: jax.Array, fleet: Climatology) -> jax.Array:
    """A feature vector [size] of bin ``number`` as ``complete`` makes it with another fleet's usual moves.

    Args:
        config: static.
        features: with some fleet's.
        own: float32 [horizons * sensors], the device's own usual moves then: the last of what was observed.
        number: int32 [], of the bin.
        fleet: the other one's.
    """
    theirs = climatology.moves(config, fleet, number).ravel()
    both = jnp.concatenate([jnp.where(jnp.isnan(own), theirs, own), theirs])
    return features.at[-both.shape[0] :].set(jnp.clip(jnp.nan_to_num(both), -10, 10))


def usual(config: Config, features: jax.Array) -> jax.Array:
    """The usual moves in feature vectors [..., size]: half the device's own and half the fleet's, [..., H, S]."""
    horizons, sensors = config.outputs
    n = horizons * sensors
    mean = (features[..., -2 * n : -n] + features[..., -n:]) / 2
    return mean.reshape((*features.shape[:-1], horizons, sensors))
