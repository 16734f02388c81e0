"""What a sensor usually does at this time of day: mean half-hour moves by kind of day, learned online.

A device learns its own; the fleet's is the mean of the devices' and travels in the global model.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from forecaster.config import SENSORS, Config

KINDS = 2
"""Of days: Monday to Friday, and the weekend."""
THURSDAY = 3
"""Day of the week, from Monday, of the first of January 1970."""


class Climatology(NamedTuple):
    """Discounted sums of half-hour moves in units of ``SCALES``, and how many; float32 [KINDS, half-hours, sensors]."""

    sums: jax.Array
    counts: jax.Array


def empty(config: Config) -> Climatology:
    """Nothing known of any half-hour."""
    shape = (KINDS, -(-config.day // config.half_hour), len(SENSORS))
    return Climatology(jnp.zeros(shape), jnp.zeros(shape))


def place(config: Config, number: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Kind of day and half-hour of the day of bin ``number``."""
    weekday = (number // config.day + THURSDAY) % 7
    return (weekday >= 5).astype(int), number % config.day // config.half_hour


def learn(config: Config, climatology: Climatology, number: jax.Array, move: jax.Array) -> Climatology:
    """Take a move over half an hour, float32 [sensors] in units of ``SCALES``, that began at bin ``number``."""
    known, where = jnp.isfinite(move), place(config, number)
    kept = 1 - 1 / (config.climatology_days * config.half_hour)

    def discounted(array: jax.Array, more: jax.Array) -> jax.Array:
        return array.at[where].set(jnp.where(known, kept * array[where] + more, array[where]))

    return Climatology(discounted(climatology.sums, jnp.nan_to_num(move)), discounted(climatology.counts, known))


def rate(config: Config, climatology: Climatology, numbers: jax.Array) -> jax.Array:
    """Usual half-hour moves from bins int32 [n] on: float32 [n, sensors], NaN where unknown."""
    where = place(config, numbers)
    counts = climatology.counts[where]
    return jnp.where(counts > 0, climatology.sums[where] / jnp.where(counts > 0, counts, 1), jnp.nan)


def moves(config: Config, climatology: Climatology, number: jax.Array) -> jax.Array:
    """Usual moves from bin ``number`` to each horizon: float32 [horizons, sensors], NaN where unknown."""
    starts = np.arange(0, config.horizons[-1], config.half_hour)
    shares = np.clip((np.asarray(config.horizons)[:, None] - starts) / config.half_hour, 0, 1)[:, :, None]
    rates = rate(config, climatology, number + starts)
    return jnp.where(shares > 0, shares * rates, 0).sum(axis=1).astype(jnp.float32)
