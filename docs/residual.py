"""A network of one's own: docs/own-network.md."""

import flax.linen as nn
import jax


class Network(nn.Module):
    """One hidden layer, and features that go past it; the last layer starts at zero."""

    width: int
    outputs: tuple[int, int]

    @nn.compact
    def __call__(self, features: jax.Array) -> jax.Array:
        """Float32 [..., size] to float32 [..., horizons, sensors], in units of ``SCALES``."""
        hidden = nn.gelu(nn.Dense(self.width, name="hidden_1")(features))
        horizons, sensors = self.outputs
        last = nn.Dense(horizons * sensors, kernel_init=nn.initializers.zeros, name="moves")
        past = nn.Dense(horizons * sensors, kernel_init=nn.initializers.zeros, use_bias=False, name="past")
        moves = last(hidden) + past(features)
        return moves.reshape((*features.shape[:-1], horizons, sensors))
