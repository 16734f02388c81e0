"""The linear model beside the network: ridge regression, exact and online.

Recursive least squares (Haykin 2002, Adaptive Filter Theory, section 9) on the network's features, for what is left
of a move after the usual one. The error that an example may teach is bounded, so that a jump, say a lamp, does not
rewrite the weights.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from forecaster import features
from forecaster.config import Config


class Linear(NamedTuple):
    """The state of the regression.

    Attributes:
        weights: float32 [horizons, size + 1, sensors], the last row the bias.
        covariance: float32 [horizons, size + 1, size + 1], shared by the sensors of a horizon.
    """

    weights: jax.Array
    covariance: jax.Array


def initial(config: Config) -> jax.Array:
    """The weights before any example: the usual move alone."""
    horizons, sensors = config.outputs
    return jnp.zeros((horizons, features.size(config) + 1, sensors))


def init(config: Config, weights: jax.Array) -> Linear:
    """The regression with ``weights`` as what is thought before the first example."""
    prior = config.linear_prior * jnp.eye(weights.shape[1])
    return Linear(jnp.asarray(weights), jnp.broadcast_to(prior, (weights.shape[0], *prior.shape)))


def moves(config: Config, weights: jax.Array, vector: jax.Array) -> jax.Array:
    """Forecast moves in units of ``SCALES`` from features [..., size]: float32 [..., horizons, sensors]."""
    inputs = jnp.concatenate([vector, jnp.ones((*vector.shape[:-1], 1))], axis=-1)
    return config.skip * features.usual(config, vector) + jnp.einsum("...f,hfs->...hs", inputs, weights)


def learn(config: Config, linear: Linear, vectors: jax.Array, targets: jax.Array) -> Linear:
    """One example for each horizon: features float32 [horizons, size], moves [horizons, sensors], NaN without label."""
    own = np.arange(len(config.horizons))
    left = targets - config.skip * features.usual(config, vectors)[own, own]

    def one(weights: jax.Array, covariance: jax.Array, vector: jax.Array, target: jax.Array) -> Linear:
        inputs = jnp.append(vector, 1.0)
        known = jnp.isfinite(target)
        error = jnp.where(
            known, jnp.clip(jnp.nan_to_num(target - inputs @ weights), -config.linear_delta, config.linear_delta), 0
        )
        spread = covariance @ inputs
        gain = spread / (1 + inputs @ spread)
        after = Linear(weights + jnp.outer(gain, error), covariance - jnp.outer(gain, spread))
        return jax.tree.map(lambda new, old: jnp.where(known.any(), new, old), after, Linear(weights, covariance))

    return jax.vmap(one)(linear.weights, linear.covariance, vectors, left)
