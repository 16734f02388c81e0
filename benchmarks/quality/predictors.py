"""Forecasts of every predictor on a grid: one run of the fleet together, one of every device by itself."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from forecaster import features, knowledge, lockstep
from forecaster.config import SCALES, Config
from forecaster.lockstep import Grid, Rounds

Forecasts = NDArray[np.float32]
"""Float32 [bins, devices, horizons, sensors], by the bin at which they were made."""

LEARNED = ("climatology", "linear", "federated_network", "combined")
ALONE = ("local_climatology", "local_linear", "local_network", "local_combined")


def persistence(config: Config, grid: Grid) -> Forecasts:
    """It stays as it is."""
    return np.repeat(grid.values[:, :, None], len(config.horizons), axis=2)


def learned(config: Config, grid: Grid, federated: bool = True) -> dict[str, Forecasts]:
    """What the models say, ``LEARNED`` by the fleet together or ``ALONE`` by each device."""
    _, outputs = lockstep.run(config, Rounds(federated=federated), grid)
    moves = jax.device_get(outputs.forecasts)
    ordered = (moves.usual, moves.linear, moves.network, moves.combined)
    return dict(zip(LEARNED if federated else ALONE, ordered, strict=True))


def pooled(config: Config, grid: Grid) -> Forecasts:
    """One linear model for all devices that sees every label at once: what no federation can have.

    Ridge regression on what the devices observe, its normal equations solved anew at every bin.
    """
    moves = _pooled(config, jnp.int32(grid.first), jnp.asarray(grid.values), jnp.asarray(grid.present))
    return np.asarray(jax.vmap(knowledge.values)(moves, jnp.asarray(grid.values)))


@partial(jax.jit, static_argnums=0)
def _pooled(config: Config, first: jax.Array, values: jax.Array, present: jax.Array) -> jax.Array:
    devices, size = values.shape[1], features.observed_size(config) + 1
    numbers = first + jnp.arange(values.shape[0], dtype=jnp.int32)

    def look(history: features.History, row: tuple[jax.Array, ...]) -> tuple[features.History, jax.Array]:
        number, level, here = row
        after = jax.vmap(partial(features.advance, config), in_axes=(0, None, 0))(history, number, level)
        kept = jax.tree.map(lambda a, b: jnp.where(here.reshape((-1,) + (1,) * (a.ndim - 1)), a, b), after, history)
        seen = jnp.nan_to_num(jax.vmap(partial(features.observe, config))(kept))
        return kept, jnp.concatenate([jnp.clip(seen, -10, 10), jnp.ones((devices, 1))], axis=1)

    start = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (devices, *leaf.shape)), features.empty(config))
    inputs = jax.lax.scan(look, start, (numbers, values, present))[1]

    def solve(sums: tuple[jax.Array, jax.Array], t: jax.Array) -> tuple[tuple[jax.Array, jax.Array], jax.Array]:
        def horizon(gram: jax.Array, moment: jax.Array, ahead: jax.Array) -> tuple[jax.Array, ...]:
            move = (values[t] - values[t - ahead]) / jnp.asarray(SCALES)
            known = jnp.isfinite(move) & (t >= ahead)
            x = inputs[t - ahead]
            gram = gram + jnp.einsum("df,ds,dg->sfg", x, known, x)
            moment = moment + jnp.einsum("df,ds->sf", x, jnp.where(known, move, 0))
            weights = jax.vmap(jnp.linalg.solve)(gram, moment)
            return gram, moment, jnp.einsum("df,sf->ds", inputs[t], weights)

        gram, moment, moves = jax.vmap(horizon)(*sums, jnp.asarray(config.horizons))
        return (gram, moment), jnp.swapaxes(moves, 0, 1)

    shape = (len(config.horizons), values.shape[2], size)
    prior = jnp.broadcast_to(jnp.eye(size) / config.linear_prior, (*shape, size))
    return jax.lax.scan(solve, (prior, jnp.zeros(shape)), jnp.arange(values.shape[0]))[1]
