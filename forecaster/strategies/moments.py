"""Adam and Yogi as Reddi et al. 2021 wrote them down, as transformations of optax's kind.

``optax.scale_by_adam`` and ``scale_by_yogi`` are others: they correct both moments for where they started, before
``tau`` is added, and Yogi's start at 1e-6. Flower computes what is here.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

LARGEST = 1e18
"""Of a gradient: float32 holds its square, and no device's number makes a state infinite."""


class Moments(NamedTuple):
    """Of the gradient, first and second; float32, as the weights."""

    mu: jax.Array
    nu: jax.Array


def scale_by_adam(b1: float, b2: float, tau: float) -> optax.GradientTransformation:
    """``mu / (sqrt(nu) + tau)``, ``nu`` the moving mean of squares (algorithm 2, FedAdam)."""
    return _scale(b1, tau, lambda square, nu: b2 * nu + (1 - b2) * square)


def scale_by_yogi(b1: float, b2: float, tau: float) -> optax.GradientTransformation:
    """The same, but ``nu`` goes up or down by the square (algorithm 2, FedYogi)."""
    return _scale(b1, tau, lambda square, nu: nu - (1 - b2) * square * jnp.sign(nu - square))


def _scale(b1: float, tau: float, second: Callable[[jax.Array, jax.Array], jax.Array]) -> optax.GradientTransformation:
    def init(params: jax.Array) -> Moments:
        return Moments(jnp.zeros_like(params), jnp.zeros_like(params))

    def update(updates: jax.Array, state: Moments, params: object = None) -> tuple[jax.Array, Moments]:
        gradient = jnp.clip(updates, -LARGEST, LARGEST)
        mu = b1 * state.mu + (1 - b1) * gradient
        nu = second(jnp.square(gradient), state.nu)
        return mu / (jnp.sqrt(nu) + tau), Moments(mu, nu)

    return optax.GradientTransformation(init, update)
