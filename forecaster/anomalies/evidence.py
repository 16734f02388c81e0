"""What speaks against a bin of temperature and humidity: seven sizes and two run lengths.

Temperature and relative humidity watch over each other: where air warms and nothing is wrong, relative humidity falls,
for the vapour in it stays nearly the same. So a value is suspicious as far as the vapour pressure that it implies is.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from forecaster.bins import Summary
from forecaster.config import Config

WATCHED = 2
"""Sensors that are judged, the first of ``SENSORS``: temperature and humidity."""
SIZES = ("lone temperature", "lone humidity", "spread temperature", "spread humidity", "half hour", "hour", "apart")
MAGNUS_A, MAGNUS_B = 17.625, 243.04
"""Of the Magnus formula (Alduchov & Eskridge 1996, Improved Magnus form approximation, eq. 21), B in °C."""
BUFFERING = 0.8
"""Share of a change of saturation pressure that relative humidity answers; walls give off the rest as vapour.

A fifth, alike on all motes of the Intel Lab on 4 and 5 March 2004."""


LARGEST = 1e6
"""No size is taken for larger, whatever a sensor says: its square must still be a number."""


class Past(NamedTuple):
    """What the next bin is held against.

    Attributes:
        newest: int32 [], number of the newest bin.
        vapour: float32 [hour + 1, 2], the two parts of ``vapour`` at the last bins, newest first; NaN where missing or
            not to be trusted.
        mean: float32 [2], newest of each sensor.
        same, run: float32 [2], the value that each sensor repeats, NaN for none, and how often it has.
    """

    newest: jax.Array
    vapour: jax.Array
    mean: jax.Array
    same: jax.Array
    run: jax.Array


class Evidence(NamedTuple):
    """Of one bin.

    Attributes:
        sizes: float32 [7], as ``SIZES``; °C, %RH, and changes of log vapour pressure. NaN where nothing can be said.
        run: float32 [2], equal measurements in a row.
        vapour: float32 [2], of the bin.
    """

    sizes: jax.Array
    run: jax.Array
    vapour: jax.Array


def beginning(config: Config) -> Past:
    """Nothing seen."""
    nothing = jnp.full(WATCHED, jnp.nan)
    return Past(jnp.int32(0), jnp.full((2 * config.half_hour + 1, 2), jnp.nan), nothing, nothing, jnp.zeros(WATCHED))


def vapour(temperature: jax.Array, humidity: jax.Array) -> jax.Array:
    """Two parts, float32 [..., 2], whose sum is steady while air warms or cools: °C and %RH as log pressures."""
    saturation = BUFFERING * MAGNUS_A * temperature / (temperature + MAGNUS_B)
    return jnp.stack([saturation, jnp.log(jnp.maximum(humidity, 1.0))], axis=-1)


def look(config: Config, past: Past, number: jax.Array, summary: Summary) -> tuple[Past, Evidence]:
    """Take a bin; the past then still lacks the bin's own vapour, which the verdict decides on (``remember``)."""
    count, mean, low, high, deviation = (part[:WATCHED] for part in summary)
    gap = jnp.clip(number - past.newest, 1, len(past.vapour))
    places = jnp.arange(len(past.vapour)) - gap
    before = jnp.where((places >= 0)[:, None], past.vapour[jnp.maximum(places, 0)], jnp.nan)
    here, many, n = count > 0, count > 1, count.astype(jnp.float32)
    recent = jnp.where(gap <= config.half_hour // 2, past.mean, jnp.nan)
    # An extreme is held against the others in its bin, and against the bin before: it must stand out from both.
    others_low = jnp.where(many, (mean * n - high) / jnp.maximum(n - 1, 1), recent)
    others_high = jnp.where(many, (mean * n - low) / jnp.maximum(n - 1, 1), recent)
    lone = jnp.fmax(high - others_low, others_high - low)
    lone = jnp.where(here, jnp.fmin(lone, jnp.fmax(high - recent, recent - low)), jnp.nan)
    spread = jnp.where(many, deviation, jnp.nan)
    now = vapour(mean[0], mean[1])
    total, earlier = now.sum(), before.sum(axis=1)
    # Real air is warmest where it is relatively driest.
    apart = jnp.abs(vapour(high[0], low[1]).sum() - vapour(low[0], high[1]).sum())
    apart = jnp.where(many.all(), apart, jnp.abs(total - earlier[1]))
    moved = jnp.abs(total - earlier[jnp.array([config.half_hour, 2 * config.half_hour])])
    flat = here & (low == high)
    run = jnp.where(here, jnp.where(flat, jnp.where(low == past.same, past.run, 0) + n, 0), past.run)
    after = Past(
        number,
        before,
        jnp.where(here, mean, past.mean),
        jnp.where(here, jnp.where(flat, low, jnp.nan), past.same),
        run,
    )
    sizes = jnp.minimum(jnp.concatenate([lone, spread, moved, apart[None]]), LARGEST)
    return after, Evidence(sizes, jnp.where(here, run, jnp.nan), now)


def remember(past: Past, seen: jax.Array, trusted: jax.Array) -> Past:
    """The past with the vapour ``seen`` in its newest bin, if it is ``trusted``."""
    return past._replace(vapour=past.vapour.at[0].set(jnp.where(trusted, seen, jnp.nan)))
