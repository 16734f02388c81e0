"""How far a temperature has gone from what the battery says, which is a coarse thermometer: a second witness."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from forecaster.config import Config

VOLTS_PER_DEGREE = 0.0096
"""V that a mote's voltage rises with each °C (a cheap thermometer to Deshpande et al. 2004, Model-Driven Data
Acquisition in Sensor Networks, VLDB): 9.4 to 10.2 mV over two hours, for eight motes in ten on 4 to 7 March 2004."""
QUARTER = 3.0
"""Bins that make up the present: voltages come in steps of more than a degree."""
FEW, MANY = 1.5, 6.0
"""As many bins must count at least, in the present and before it."""
BEYOND = 3.0
"""No bin moves what was before by more than so many usual distances."""


class Offset(NamedTuple):
    """Temperature less what the voltage says; of each a total, °C, and the number of bins in it, float32 [2].

    Attributes:
        now: over the last quarter of an hour.
        before: over the last hour that is to be trusted.
    """

    now: jax.Array
    before: jax.Array


def beginning() -> Offset:
    """Nothing seen."""
    return Offset(jnp.zeros(2), jnp.zeros(2))


def look(
    config: Config, past: Offset, gap: jax.Array, temperature: jax.Array, voltage: jax.Array
) -> tuple[Offset, jax.Array]:
    """Take a bin, ``gap`` bins after the one before it; also how much too warm temperature is by now, °C [].

    NaN where either is not measured, or too little came before.
    """
    offset = temperature - voltage / VOLTS_PER_DEGREE
    known = jnp.isfinite(offset)
    now = past.now * (1 - 1 / QUARTER) ** gap
    now = jnp.where(known, now + jnp.stack([jnp.where(known, offset, 0.0), 1.0]), now)
    after = Offset(now, past.before * _kept(config) ** (gap - 1))
    return after, _mean(after.now, FEW) - _mean(after.before, MANY)


def remember(config: Config, past: Offset, trusted: jax.Array, usual: jax.Array) -> Offset:
    """With the present in what was before, if it is ``trusted``; ``usual`` is a distance, °C []."""
    now, before = _mean(past.now, 0.0), _mean(past.before, MANY)
    bound = BEYOND * usual
    now = jnp.where(jnp.isfinite(before), before + jnp.clip(now - before, -bound, bound), now)
    told = past.before * _kept(config) + jnp.stack([now, 1.0])
    return past._replace(before=jnp.where(trusted & (past.now[1] > 0), told, past.before))


def _kept(config: Config) -> float:
    return 1 - 1 / (2 * config.half_hour)


def _mean(told: jax.Array, least: float) -> jax.Array:
    """Of a total and its number; NaN where that is no more than ``least``."""
    return jnp.where(told[1] > least, told[0] / jnp.maximum(told[1], 1e-6), jnp.nan)
