"""The network that every device trains: two tanh layers, and moves instead of levels."""

from functools import lru_cache
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from forecaster.config import SCALES, Config
from forecaster.features import FEATURES

Params = Any
"""A Flax parameter tree of float32 arrays."""


class Network(nn.Module):
    """Features to scaled moves; the last layer starts at zero, so an untrained network forecasts persistence."""

    width: int
    outputs: tuple[int, int]

    @nn.compact
    def __call__(self, features: jax.Array) -> jax.Array:
        """Float32 [..., FEATURES] to float32 [..., horizons, sensors], in units of ``SCALES``."""
        hidden = nn.tanh(nn.Dense(self.width, name="hidden_1")(features))
        hidden = nn.tanh(nn.Dense(self.width, name="hidden_2")(hidden))
        horizons, sensors = self.outputs
        moves = nn.Dense(horizons * sensors, kernel_init=nn.initializers.zeros, name="moves")(hidden)
        return moves.reshape((*features.shape[:-1], horizons, sensors))


def network(config: Config) -> Network:
    """The Flax module of a configuration."""
    return Network(config.width, config.outputs)


@lru_cache(maxsize=8)
def initial(config: Config) -> Params:
    """Version 0: the weights every device starts from, a function of the seed alone."""
    params = network(config).init(jax.random.key(config.seed), jnp.zeros(FEATURES))
    return jax.tree.map(np.asarray, params)


def moves(config: Config, params: Params, features: jax.Array) -> jax.Array:
    """Forecast moves in units of ``SCALES``: float32 [..., horizons, sensors]."""
    return network(config).apply(params, features)


def forecast(config: Config, params: Params, features: jax.Array, level: jax.Array) -> jax.Array:
    """Forecast values, float32 [..., horizons, sensors]; NaN where the level [..., sensors] is NaN."""
    return level[..., None, :] + moves(config, params, features) * jnp.asarray(SCALES)


def architecture(config: Config) -> str:
    """Fingerprint of what must be equal for two networks' weights to be averaged."""
    horizons, sensors = config.outputs
    minutes = ".".join(str(ms // 60_000) for ms in config.horizons_ms)
    return f"tanh-{FEATURES}-{config.width}-{config.width}-{horizons * sensors}/bin{config.bin_ms // 1000}s/h{minutes}"
