"""What speaks against a bin of temperature and humidity: eight sizes and two run lengths.

Temperature and relative humidity watch over each other: where air warms and nothing is wrong, relative humidity falls,
for the vapour in it stays nearly the same. So a value is suspicious as far as the vapour pressure that it implies is.
A battery is a coarse thermometer beside them: a temperature that drifts from its voltage has a second witness.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

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
VOLTS_PER_DEGREE = 0.0096
"""V that a mote's voltage rises with each °C (a cheap thermometer to Deshpande et al. 2004, Model-Driven Data
Acquisition in Sensor Networks, VLDB): 9.4 to 10.2 mV over two hours, for eight motes in ten on 4 to 7 March 2004."""
QUARTER = 3.0
"""Bins that make up the present where temperature is held against voltage, whose steps are of more than a degree."""
FEW, MANY = 1.5, 6.0
"""As many bins must count at least: in the present, and before it."""
BEYOND = 3.0
"""No bin moves what was before by more than so many usual distances."""

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
        now, before: float32 [2], temperature less what the voltage says, °C, times the bins that count, and these; over
            the last quarter of an hour, and over the last hour that is to be trusted.
    """

    newest: jax.Array
    vapour: jax.Array
    mean: jax.Array
    same: jax.Array
    run: jax.Array
    now: jax.Array
    before: jax.Array


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
    nothing, none = jnp.full(WATCHED, jnp.nan), jnp.zeros(2)
    vapour = jnp.full((2 * config.half_hour + 1, 2), jnp.nan)
    return Past(jnp.int32(0), vapour, nothing, nothing, jnp.zeros(WATCHED), none, none)


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
    quarter, hour = _compared(config, past, gap, mean[0] - summary.mean[VOLTAGE] / VOLTS_PER_DEGREE)
    battery = _mean(quarter, FEW) - _mean(hour, MANY)
    flat = here & (low == high)
    run = jnp.where(here, jnp.where(flat, jnp.where(low == past.same, past.run, 0) + n, 0), past.run)
    after = Past(
        number,
        before,
        jnp.where(here, mean, past.mean),
        jnp.where(here, jnp.where(flat, low, jnp.nan), past.same),
        run,
        quarter,
        hour,
    )
    sizes = jnp.concatenate([lone, spread, jnp.abs(moved), apart[None], jnp.abs(battery)[None]])
    return after, Evidence(jnp.minimum(sizes, LARGEST), jnp.where(here, run, jnp.nan), now, moved[1] * battery > 0)


def remember(config: Config, past: Past, seen: Evidence, trusted: jax.Array, usual: jax.Array) -> Past:
    """The past with what was ``seen`` in its newest bin, if it is ``trusted``; ``usual`` are the sizes usual then."""
    now, before = _mean(past.now, 0.0), _mean(past.before, MANY)
    bound = BEYOND * usual[BATTERY]
    now = jnp.where(jnp.isfinite(before), before + jnp.clip(now - before, -bound, bound), now)
    share = 1 / (2 * config.half_hour)
    told = past.before * (1 - share) + jnp.stack([now, 1.0])
    return past._replace(
        vapour=past.vapour.at[0].set(jnp.where(trusted, seen.vapour, jnp.nan)),
        before=jnp.where(trusted & (past.now[1] > 0), told, past.before),
    )


def _compared(config: Config, past: Past, gap: jax.Array, apart: jax.Array) -> tuple[jax.Array, jax.Array]:
    """``Past.now`` with one more bin, or none, and ``Past.before`` as a silence of ``gap`` bins leaves it."""
    known = jnp.isfinite(apart)
    now = past.now * (1 - 1 / QUARTER) ** gap
    now = jnp.where(known, now + jnp.stack([jnp.where(known, apart, 0.0), 1.0]), now)
    return now, past.before * (1 - 1 / (2 * config.half_hour)) ** (gap - 1)


def _mean(told: jax.Array, least: float) -> jax.Array:
    """Of a total and its weight; NaN where that is no more than ``least``."""
    return jnp.where(told[1] > least, told[0] / jnp.maximum(told[1], 1e-6), jnp.nan)
