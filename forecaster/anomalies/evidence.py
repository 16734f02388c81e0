"""What speaks against a bin of temperature and humidity: eight sizes and two run lengths.

Temperature and relative humidity watch over each other: where air warms and nothing is wrong, relative humidity falls,
for the vapour in it stays nearly the same. So a value is suspicious as far as the vapour pressure that it implies is.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from forecaster.anomalies import battery
from forecaster.anomalies.battery import Offset
from forecaster.bins import Summary
from forecaster.config import SENSORS, Config

WATCHED = 2
"""Sensors that are judged, the first of ``SENSORS``: temperature and humidity."""
VOLTAGE = SENSORS.index("voltage")
SIZES = (
    "lone temperature",
    "lone humidity",
    "spread temperature",
    "spread humidity",
    "half hour",
    "hour",
    "apart",
    "battery",
)
HALF, HOUR, APART, BATTERY = range(4, 8)
MAGNUS_A, MAGNUS_B = 17.625, 243.04
"""Of the Magnus formula (Alduchov & Eskridge 1996, Improved Magnus form approximation, eq. 21), B in °C."""
BUFFERING = 0.8
"""Share of a change of saturation pressure that relative humidity answers; walls give off the rest as vapour.

A fifth, alike on all motes of the Intel Lab on 4 and 5 March 2004."""
LEEWAY = 0.15
"""So far that share may be another within a bin: where air warms by the minute, one sensor is behind the other."""
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
        offset: of temperature and battery.
    """

    newest: jax.Array
    vapour: jax.Array
    mean: jax.Array
    same: jax.Array
    run: jax.Array
    offset: Offset


class Evidence(NamedTuple):
    """Of one bin.

    Attributes:
        sizes: float32 [8], as ``SIZES``; °C, %RH, and changes of log vapour pressure. NaN where nothing can be said.
        run: float32 [2], equal measurements in a row.
        vapour: float32 [2], of the bin.
        agreed: bool [], whether vapour and voltage both say that it is too warm, or both that it is too cold.
    """

    sizes: jax.Array
    run: jax.Array
    vapour: jax.Array
    agreed: jax.Array


def beginning(config: Config) -> Past:
    """Nothing seen."""
    nothing, vapour = jnp.full(WATCHED, jnp.nan), jnp.full((2 * config.half_hour + 1, 2), jnp.nan)
    return Past(jnp.int32(0), vapour, nothing, nothing, jnp.zeros(WATCHED), battery.beginning())


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
    warmed = jnp.abs(vapour(high[0], low[1])[0] - vapour(low[0], high[1])[0])
    apart, warmed = jnp.where(
        many.all(), jnp.stack([apart, warmed]), jnp.abs(jnp.stack([total - earlier[1], now[0] - before[1, 0]]))
    )
    apart = jnp.maximum(apart - LEEWAY * warmed, 0.0)
    moved = total - earlier[jnp.array([config.half_hour, 2 * config.half_hour])]
    offset, warm = battery.look(config, past.offset, gap, mean[0], summary.mean[VOLTAGE])
    flat = here & (low == high)
    run = jnp.where(here, jnp.where(flat, jnp.where(low == past.same, past.run, 0) + n, 0), past.run)
    after = Past(
        number,
        before,
        jnp.where(here, mean, past.mean),
        jnp.where(here, jnp.where(flat, low, jnp.nan), past.same),
        run,
        offset,
    )
    sizes = jnp.concatenate([lone, spread, jnp.abs(moved), apart[None], jnp.abs(warm)[None]])
    return after, Evidence(jnp.minimum(sizes, LARGEST), jnp.where(here, run, jnp.nan), now, moved[1] * warm > 0)


def remember(config: Config, past: Past, seen: Evidence, trusted: jax.Array, usual: jax.Array) -> Past:
    """The past with what was ``seen`` in its newest bin, if it is ``trusted``; ``usual`` are the sizes usual then."""
    return past._replace(
        vapour=past.vapour.at[0].set(jnp.where(trusted, seen.vapour, jnp.nan)),
        offset=battery.remember(config, past.offset, trusted, usual[BATTERY]),
    )
