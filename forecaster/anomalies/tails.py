"""How often each kind of evidence is as large as this: histograms of the past, a device's own and the fleet's.

The share of past bins with at least such evidence is a conformal p-value (Vovk, Gammerman & Shafer 2005, Algorithmic
Learning in a Random World, ch. 2): without assumptions on the shape, an alarm below a level is false at that rate.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

KINDS = 9
"""Evidence with a tail of its own: six sizes in units of their usual one, two run lengths, vapour and battery at once.
"""
LEVELS, LOW, STEP = 36, -0.5, 0.125
"""Of the logarithm of the evidence."""
FALL = 6.0
"""Exponent at which the share falls beyond all that has been seen."""
FLEET = 10.0
"""So much more the fleet's histogram counts than a device's own."""


class Tails(NamedTuple):
    """Means of them are the fleet's.

    Attributes:
        counts: float32 [KINDS, LEVELS], past bins, older days counting less.
        alarms: float32 [KINDS], that began in the last day, older ones counting less.
    """

    counts: jax.Array
    alarms: jax.Array


def empty() -> Tails:
    """Nothing seen."""
    return Tails(jnp.zeros((KINDS, LEVELS)), jnp.zeros(KINDS))


def seen(own: Tails, fleet: Tails) -> jax.Array:
    """Bins behind each tail, float32 [KINDS]."""
    return (FLEET * fleet.counts + own.counts).sum(axis=1)


def survival(own: Tails, fleet: Tails) -> jax.Array:
    """Share of past bins with at least the evidence at which each level begins, float32 [KINDS, LEVELS + 1]."""
    mass = FLEET * fleet.counts + own.counts
    above = jnp.cumsum(mass[:, ::-1], axis=1)[:, ::-1] / jnp.maximum(mass.sum(axis=1, keepdims=True), 1e-6)
    above = jnp.concatenate([above, jnp.zeros((KINDS, 1))], axis=1).at[:, 0].set(1.0)
    known = above > 1e-7
    last = known.sum(axis=1, keepdims=True) - 1
    beyond = jnp.take_along_axis(above, last, axis=1) * jnp.exp(-FALL * STEP * (jnp.arange(LEVELS + 1) - last))
    return jnp.where(known, above, beyond)


def probability(shares: jax.Array, evidence: jax.Array) -> jax.Array:
    """Share of past bins with at least this evidence, float32 [KINDS]; NaN where there is none."""
    place = jnp.clip((jnp.log(jnp.maximum(evidence, 1e-6)) - LOW) / STEP, 0, 2 * LEVELS)
    level = jnp.clip(place.astype(jnp.int32), 0, LEVELS - 1)[:, None]
    low, high = (jnp.log(jnp.take_along_axis(shares, level + k, axis=1)[:, 0]) for k in (0, 1))
    return jnp.exp(low + (place - level[:, 0]) * (high - low))


def learn(
    own: Tails,
    fleet: Tails,
    evidence: jax.Array,
    began: jax.Array,
    allowed: jax.Array,
    day: int,
    days: float,
) -> Tails:
    """Take the evidence of a bin.

    Beyond the alarm's level it counts as at that level, so that the share there stays what it is; and all alarms of a
    day count as no more than those that are allowed, or faults would raise the level until they are usual.

    Args:
        own: before.
        fleet: before.
        evidence: float32 [KINDS], NaN for what is not to be learned.
        began: bool [KINDS], whether an alarm begins with this bin.
        allowed: float32 [KINDS], false alarms a bin.
        day: bins in a day.
        days: after which counts have mostly been forgotten.
    """
    alarms = own.alarms * (1 - 1 / day) + began
    recent = (FLEET * fleet.alarms + alarms) / jnp.where(fleet.counts.any(), FLEET + 1, 1)
    worth = jnp.where(began, jnp.minimum(1, allowed * day / jnp.maximum(recent, 1e-6)), 1.0)
    level = jnp.clip((jnp.log(jnp.maximum(evidence, 1e-6)) - LOW) / STEP, 0, LEVELS - 1).astype(jnp.int32)
    highest = (survival(own, fleet)[:, :LEVELS] >= allowed[:, None]).sum(axis=1)
    level = jnp.where(seen(own, fleet) >= day, jnp.minimum(level, highest), level)
    more = worth[:, None] * (jnp.arange(LEVELS) == level[:, None])
    counts = (1 - 1 / (day * days)) * own.counts + more
    return Tails(jnp.where(jnp.isfinite(evidence)[:, None], counts, own.counts), alarms)
