"""The network that every device trains: two tanh layers on top of the usual move."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from forecaster import features
from forecaster.config import Config

Params = Any
"""A Flax parameter tree of float32 arrays."""
LAST = "moves"
"""Name of the last layer."""


class Network(nn.Module):
    """Features to scaled moves; the last layer starts at zero, so an untrained network adds nothing to the usual."""

    width: int
    outputs: tuple[int, int]

    @nn.compact
    def __call__(self, features: jax.Array) -> jax.Array:
        """Float32 [..., size] to float32 [..., horizons, sensors], in units of ``SCALES``."""
        hidden = nn.tanh(nn.Dense(self.width, name="hidden_1")(features))
        hidden = nn.tanh(nn.Dense(self.width, name="hidden_2")(hidden))
        horizons, sensors = self.outputs
        moves = nn.Dense(horizons * sensors, kernel_init=nn.initializers.zeros, name=LAST)(hidden)
        return moves.reshape((*features.shape[:-1], horizons, sensors))


def network(config: Config) -> Network:
    """The Flax module of a configuration."""
    return Network(config.width, config.outputs)


def initial(config: Config) -> Params:
    """The weights every device starts from before there is a global model, a function of the seed alone."""
    return network(config).init(jax.random.key(config.seed), jnp.zeros(features.size(config)))


def moves(config: Config, params: Params, vector: jax.Array) -> jax.Array:
    """Forecast moves in units of ``SCALES`` from features [..., size]: float32 [..., horizons, sensors]."""
    return config.skip * features.usual(config, vector) + network(config).apply(params, vector)
