"""The loop over bins."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from forecaster import knowledge, online, trials
from forecaster.bins import Summary
from forecaster.config import Config
from forecaster.lockstep.devices import delivered, event_of, joined, judged, updated
from forecaster.lockstep.state import Fleet, Grid, Rounds, Server, Update, Window, delay, where
from forecaster.lockstep.windows import closed
from forecaster.online import Outputs


def run(
    config: Config, rounds: Rounds, grid: Grid, server: Server | None = None, case: int = 0
) -> tuple[Fleet, Outputs]:
    """Stream the grid through its fleet; outputs have bins and devices as first axes and are NaN where absent.

    Windows are averaged, or made by ``server``, which is told the ``case``.
    """
    heard = grid.present if grid.heard is None else grid.heard
    summary, present, heard = jax.tree.map(jnp.asarray, (grid.summary, grid.present, heard))
    return _run(config, rounds, server, jnp.int32(case), jnp.int32(grid.first), summary, present, heard)


@partial(jax.jit, static_argnums=(0, 1, 2))
def _run(
    config: Config,
    rounds: Rounds,
    server: Server | None,
    case: jax.Array,
    first: jax.Array,
    summary: Summary,
    present: jax.Array,
    heard: jax.Array,
) -> tuple[Fleet, Outputs]:
    def step(fleet: Fleet, row: tuple[Any, ...]) -> tuple[Fleet, Outputs]:
        number, seen, here, reports = row
        fleet = delivered(rounds, fleet, number, reports)
        fleet = joined(config, rounds, fleet, number, here)
        panel = jax.tree.map(lambda leaf: leaf[event_of(config, rounds, number)[0]], fleet.judges)
        learners, outputs = jax.vmap(
            lambda *device: online.update(config, *device, None, panel if rounds.judged else None),
            in_axes=(0, None, 0, 0),
        )(fleet.learners, number, seen, fleet.versions)
        outputs = where(here, outputs, jax.tree.map(_missing, outputs))
        fleet = fleet._replace(learners=where(here, learners, fleet.learners), labels=fleet.labels + outputs.examples)
        if rounds.judged:
            fleet = fleet._replace(judged=fleet.judged + judged(outputs))
        fleet = updated(config, rounds, fleet, number, here)
        ends = (number + 1 - rounds.lateness_bins) % rounds.window_bins == 0
        return jax.lax.cond(ends, partial(closed, config, rounds, server, case), lambda open_: open_, fleet), outputs

    numbers = first + jnp.arange(present.shape[0], dtype=jnp.int32)
    return jax.lax.scan(step, _beginning(config, rounds, present.shape[1]), (numbers, summary, present, heard))


def _beginning(config: Config, rounds: Rounds, devices: int) -> Fleet:
    def copies(n: int, tree: Any) -> Any:
        return jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (n, *jnp.shape(leaf))), tree)

    start, zeros = knowledge.initial(config), jnp.zeros(devices, jnp.int32)
    none = jnp.array(trials.Panel(0), jnp.int32)
    panels, judged = copies(devices, none), jnp.zeros((devices, trials.RIVALS, 3, *config.outputs))
    nothing = Window(copies(devices, start), zeros, zeros, panels, judged)
    return Fleet(
        learners=copies(devices, online.init(config)),
        joined=jnp.zeros(devices, bool),
        versions=zeros,
        followed=zeros,
        judged=judged,
        slots=zeros,
        labels=zeros,
        unsent=Update(copies(devices, start), zeros, zeros, panels, judged, zeros),
        first=nothing,
        second=nothing,
        held=jnp.full(2 + trials.OPEN, trials.NONE, jnp.int32).at[0].set(0),
        models=copies(2 + trials.OPEN, start),
        panels=copies(delay(config, rounds) + 1, none),
        judges=copies(delay(config, rounds) + 1, copies(len(none), start)),
        version=jnp.int32(0),
    )


def _missing(leaf: jax.Array) -> jax.Array:
    return jnp.full_like(leaf, jnp.nan) if jnp.issubdtype(leaf.dtype, jnp.floating) else jnp.zeros_like(leaf)
