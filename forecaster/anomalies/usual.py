"""How large each kind of evidence usually is, by time of day: root mean squares, a device's own and the fleet's."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from forecaster import climatology
from forecaster.anomalies.evidence import SIZES
from forecaster.config import Config

SLOTS = 12
"""Times of day that are told apart, two hours each."""
FLOOR = (0.05, 0.1, 0.02, 0.04, 0.004, 0.006, 0.004, 0.1)
"""No size is usual below this: a sensor's resolution and noise, in the units of ``Evidence.sizes``."""
FLEET_BINS = 24.0
"""As much the fleet's word weighs as this many bins of a device's own."""
STEADY_BINS = 4.0
"""As much a device's whole day weighs in one slot."""
CAP = 6.0
"""A size counts as no larger than so many usual ones: a fault must not make itself usual."""


class Usual(NamedTuple):
    """Sums over the past, older days counting less; float32 [day kinds, SLOTS, sizes]. Means of them are the fleet's.

    Attributes:
        squares: of the sizes.
        weights: how many bins are in each.
    """

    squares: jax.Array
    weights: jax.Array


def empty() -> Usual:
    """Nothing seen."""
    nothing = jnp.zeros((climatology.KINDS, SLOTS, len(SIZES)))
    return Usual(nothing, nothing)


def slot(config: Config, number: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The kind of day and the time of day of a bin, int32 []."""
    kind, _ = climatology.place(config, number)
    return kind, number % config.day * SLOTS // config.day


def size(own: Usual, fleet: Usual, at: jax.Array) -> jax.Array:
    """The usual size of each kind of evidence at time of day ``at``, float32 [sizes]: on the livelier kind of day.

    A Monday after a weekend is then no surprise; what the weekend's own calm would give is not gained.
    """
    return jax.vmap(_size, in_axes=(0, 0, None))(own, fleet, at).max(axis=0)


def _size(own: Usual, fleet: Usual, at: jax.Array) -> jax.Array:
    """Of one kind of day: a device's own, at this time of day and the next ones, with a share of its whole day.

    What it has not seen, the fleet has.
    """
    fleets = (fleet.squares[at] + fleet.squares.mean(0) / 2) / _positive(fleet.weights[at] + fleet.weights.mean(0) / 2)
    trust = jnp.minimum(fleet.weights.sum(0), FLEET_BINS)
    whole = (own.squares.sum(0) + trust * fleets) / _positive(own.weights.sum(0) + trust)
    near = jnp.array([-1, 0, 1]) + at
    there = (own.squares[near % SLOTS] + STEADY_BINS * whole) / (own.weights[near % SLOTS] + STEADY_BINS)
    square = (4 * (there[1] + there.max(0)) / 2 + whole) / 5
    return jnp.maximum(jnp.sqrt(square), jnp.array(FLOOR))


def seen(usual: Usual, at: jax.Array) -> jax.Array:
    """Bins at time of day ``at``, of any kind of day, float32 [sizes]."""
    return usual.weights[:, at].sum(axis=0)


def learn(
    config: Config,
    days: float,
    own: Usual,
    at: tuple[jax.Array, jax.Array],
    sizes: jax.Array,
    bound: jax.Array,
) -> Usual:
    """Take the sizes that are not NaN, none as larger than ``bound``; after ``days`` most has been forgotten."""
    known = jnp.isfinite(sizes)
    keep = 1 - SLOTS / (config.day * days)
    squares = keep * own.squares[at] + jnp.minimum(sizes, bound) ** 2
    weights = keep * own.weights[at] + 1
    return Usual(
        own.squares.at[at].set(jnp.where(known, squares, own.squares[at])),
        own.weights.at[at].set(jnp.where(known, weights, own.weights[at])),
    )


def _positive(weights: jax.Array) -> jax.Array:
    return jnp.maximum(weights, 1e-6)
