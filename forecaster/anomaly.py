"""How unusual a residual is for this device: its size over the usual size, learned online."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from forecaster.config import SCALES, Config

DECAY = 0.99
WARM_UP = 24
"""Residuals to see before a score means anything: two hours of 5-minute bins."""
FLOOR = 0.1
"""Smallest usual residual, in units of ``SCALES``: a flat night must not turn sensor noise into alarms."""


class Usual(NamedTuple):
    """Exponentially weighted mean of absolute residuals, and how many are in it; float32 [horizons, sensors]."""

    size: jax.Array
    seen: jax.Array


def init(config: Config) -> Usual:
    """Nothing seen."""
    return Usual(jnp.zeros(config.outputs), jnp.zeros(config.outputs))


def update(usual: Usual, residual: jax.Array) -> tuple[Usual, jax.Array]:
    """Score residuals float32 [horizons, sensors] (NaN: none) against the past, then learn from them.

    Returns:
        The next state, and float32 [horizons]: the largest residual over the usual one, NaN before the warm-up.
    """
    known = jnp.isfinite(residual)
    size = jnp.abs(residual) / jnp.asarray(SCALES)
    ratio = size / jnp.maximum(usual.size, FLOOR)
    warm = known & (usual.seen >= WARM_UP)
    score = jnp.max(jnp.where(warm, ratio, -1.0), axis=1)
    weight = jnp.maximum(1 - DECAY, 1 / (usual.seen + 1))
    # A residual is learned at no more than a few times the usual one, so an anomaly does not make itself usual.
    learned = jnp.where(usual.seen >= WARM_UP, jnp.minimum(size, 3 * jnp.maximum(usual.size, FLOOR)), size)
    mean = usual.size + weight * (learned - usual.size)
    after = Usual(jnp.where(known, mean, usual.size), usual.seen + known)
    return after, jnp.where(score < 0, jnp.nan, score)
