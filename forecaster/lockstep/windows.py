"""What happens when a window closes: the aggregator's policy, and the model that follows."""

import jax
import jax.numpy as jnp

from forecaster import knowledge, trials
from forecaster.config import Config
from forecaster.knowledge import Knowledge
from forecaster.lockstep.state import Fleet, Rounds, Server, Window


def closed(config: Config, rounds: Rounds, server: Server | None, case: jax.Array, fleet: Fleet) -> Fleet:
    """The fleet after a window; without an update in it, its model is its parent's again."""
    window = _countable(rounds, fleet)
    total = window.examples.sum()
    decided = _decided(config, rounds, fleet.held, window)
    places = (fleet.held[:, None] == decided[None]).argmax(axis=0)
    models = jax.tree.map(lambda leaf: leaf[places], fleet.models)
    parent = jax.tree.map(lambda leaf: leaf[jnp.where(decided[2:].max() < 0, 0, 2 + decided[2:].argmax())], models)
    made = _mean(rounds, fleet.held, window) if server is None else _served(config, server, case, parent, window)
    made = jax.tree.map(lambda new, old: jnp.where(total > 0, new, old), made, parent)
    version = fleet.version + ((fleet.version > 0) | (total > 0))
    held, models = _joining(rounds, decided, models, jnp.where(total > 0, version, trials.NONE), version, made)
    # What its event has devices judge: the champion, the newest candidate, the fallback.
    panel = jnp.array([0, 1 + trials.OPEN, 1])
    empty = fleet.second._replace(examples=jnp.zeros_like(fleet.second.examples))
    nan = jnp.where(held[panel] < 0, jnp.nan, 0.0)
    return fleet._replace(
        held=held,
        models=models,
        panels=jnp.concatenate([fleet.panels[1:], held[panel][None]]),
        judges=jax.tree.map(
            lambda old, new: jnp.concatenate(
                [old[1:], (new[panel] + nan.reshape((-1,) + (1,) * (new.ndim - 1)))[None]]
            ),
            fleet.judges,
            models,
        ),
        first=fleet.second,
        second=empty,
        version=version,
    )


def _decided(config: Config, rounds: Rounds, held: jax.Array, window: Window) -> jax.Array:
    """The versions that count after what devices say of them in a window: the aggregator's policy."""
    if not rounds.judged:
        return held
    counts, errors, champions = jnp.moveaxis(window.judged, 2, 0)
    labels = jnp.maximum(counts, 1)
    ratios = trials.ratio(errors / labels, champions / labels, counts)
    counted = (window.examples > 0) & (window.panels[:, 0] == held[0])
    # Of each version held but the champion, by each device and rival.
    says = counted[:, None] & (window.panels[:, 1:] == held[1:, None, None]) & (held[1:, None, None] >= 0)
    heard = jnp.where(says, counts.sum(axis=(2, 3)), 0).sum(axis=(1, 2)) >= rounds.min_labels
    voices = jnp.where(says, ratios, jnp.nan).reshape(len(held) - 1, -1)
    middle = jnp.where(heard, jnp.nanmedian(voices, axis=1), jnp.nan)
    limit = 1 + rounds.margin
    back = middle[0] * limit < 1
    passing = jnp.where(middle[1:] <= jnp.where(back, middle[0], 1) * limit, held[2:], trials.NONE).max()
    promotes = passing >= 0
    champion = jnp.where(promotes, passing, jnp.where(back, held[1], held[0]))
    fallback = jnp.where(promotes, jnp.where(back, held[1], held[0]), jnp.where(back, trials.NONE, held[1]))
    left = jnp.where(~heard[1:] & (held[2:] > passing), held[2:], trials.NONE)
    return jnp.concatenate([jnp.stack([champion, fallback]), left])


def _joining(
    rounds: Rounds, held: jax.Array, models: Knowledge, anew: jax.Array, version: jax.Array, made: Knowledge
) -> tuple[jax.Array, Knowledge]:
    """The versions held with a window's own, ``anew`` unless it only repeats its parent, and what all know."""
    every = jax.tree.map(lambda old, new: jnp.concatenate([old, new[None]]), models, made)
    if not rounds.judged:
        numbers = jnp.full_like(held, trials.NONE).at[0].set(version)
        places = jnp.full_like(held, len(held))
    else:
        candidates = jnp.append(held[2:], anew)
        order = jnp.argsort(candidates)[1:]
        numbers = jnp.concatenate([held[:2], candidates[order]])
        places = jnp.concatenate([jnp.arange(2), 2 + order])
    return numbers, jax.tree.map(lambda leaf: leaf[places], every)


def _countable(rounds: Rounds, fleet: Fleet) -> Window:
    """The window that closes, without what is too stale."""
    stale = _behind(fleet.held, fleet.first) > rounds.staleness_bound
    return fleet.first._replace(examples=jnp.where(stale, 0, fleet.first.examples))


def _behind(held: jax.Array, window: Window) -> jax.Array:
    """Versions between the one that each update stands on and the champion; from the fallback, one."""
    behind = jnp.maximum(held[0] - window.versions, 0)
    return jnp.where(window.versions == held[1], jnp.minimum(behind, 1), behind)


def _mean(rounds: Rounds, held: jax.Array, window: Window) -> Knowledge:
    """The mean of the window's updates by examples, less where they are stale beside the freshest."""
    behind = 1.0 + _behind(held, window)
    freshest = jnp.where(window.examples > 0, behind, jnp.inf).min()
    weights = window.examples * (behind / freshest) ** -rounds.staleness_exponent
    shares = weights / jnp.maximum(weights.sum(), 1)
    mean: Knowledge = jax.tree.map(lambda sent: jnp.tensordot(shares, sent, 1), window.knowledge)
    return mean


def _served(config: Config, server: Server, case: jax.Array, parent: Knowledge, window: Window) -> Knowledge:
    last, sent = knowledge.flat(parent), jax.vmap(knowledge.flat)(window.knowledge)
    made = jax.pure_callback(server, jax.ShapeDtypeStruct(last.shape, last.dtype), case, last, sent, window.examples)
    return knowledge.unflattened(config, made)
