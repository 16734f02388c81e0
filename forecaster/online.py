"""One device learning from its own stream: forecast first, learn when the label has come."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from forecaster import features, knowledge, linear, network, trials
from forecaster.anomalies import detector
from forecaster.anomalies.detector import Verdict
from forecaster.bins import Summary
from forecaster.config import SCALES, Config
from forecaster.features import History
from forecaster.knowledge import Knowledge, Moves
from forecaster.linear import Linear
from forecaster.network import Params


class Pending(NamedTuple):
    """What was said at each of the last ``span`` bins, newest first, until it can be scored.

    Attributes:
        features: float32 [span, size]
        usual: float32 [span, horizons * sensors], the device's own usual moves, NaN where it knew none.
        forecasts: float32 [span, 2, horizons, sensors], the device's word and the network's.
        versions: int32 [span], the global model each forecast stood on.
    """

    features: jax.Array
    usual: jax.Array
    forecasts: jax.Array
    versions: jax.Array


class Memory(NamedTuple):
    """The newest ``memory`` labelled examples, a ring.

    Attributes:
        features: float32 [memory, size]
        targets: float32 [memory, horizons, sensors], moves in units of ``SCALES``, NaN where there is no label.
        stored: int32 [], examples ever put in.
    """

    features: jax.Array
    targets: jax.Array
    stored: jax.Array


class Learner(NamedTuple):
    """Everything one device's learning needs to go on; ``fleet`` is what the model last adopted knows."""

    params: Params
    optimizer: Any
    linear: Linear
    fleet: Knowledge
    history: History
    pending: Pending
    memory: Memory
    watch: detector.State


class Outputs(NamedTuple):
    """What one bin brought; all float32 unless said, NaN where there is none.

    Attributes:
        forecasts: of each model, [horizons, sensors], made at this bin; ``combined`` is the device's word.
        level: [sensors], this bin: persistence's forecast.
        scored: [horizons, sensors], the forecasts that this bin is the target of.
        scored_network: [horizons, sensors], the network's for the same.
        scored_level: [horizons, sensors], persistence's for the same.
        scored_version: int32 [horizons], the global models those forecasts stood on.
        judged: [models, horizons, sensors], what each of the panel alone would have forecast for this bin.
        verdict: on the bin itself.
        examples: int32 [], labels learned from.
        reset: bool [], whether training had diverged and began anew from what the fleet knows.
    """

    forecasts: Moves
    level: jax.Array
    scored: jax.Array
    scored_network: jax.Array
    scored_level: jax.Array
    scored_version: jax.Array
    judged: jax.Array
    verdict: Verdict
    examples: jax.Array
    reset: jax.Array


def optimizer(config: Config) -> optax.GradientTransformation:
    """Adam, with the step's size bounded."""
    return optax.chain(optax.clip_by_global_norm(1.0), optax.adam(config.learning_rate))


def init(config: Config, known: Knowledge | None = None) -> Learner:
    """A device before its first bin, with the initial knowledge or with what is ``known``."""
    known = knowledge.initial(config) if known is None else known
    span, size, (horizons, sensors) = config.span, features.size(config), config.outputs
    params, optimizer_state, straight = _beginning(config, known)
    return Learner(
        params=params,
        optimizer=optimizer_state,
        linear=straight,
        fleet=known,
        history=features.empty(config),
        pending=Pending(
            jnp.zeros((span, size)),
            jnp.full((span, horizons * sensors), jnp.nan),
            jnp.full((span, 2, horizons, sensors), jnp.nan),
            jnp.zeros(span, jnp.int32),
        ),
        memory=Memory(
            jnp.zeros((config.memory, size)),
            jnp.full((config.memory, horizons, sensors), jnp.nan),
            jnp.int32(0),
        ),
        watch=detector.init(config),
    )


def _beginning(config: Config, known: Knowledge) -> tuple[Params, Any, Linear]:
    """What is trained, before the first step from ``known``."""
    return known.network, optimizer(config).init(known.network), linear.init(config, known.linear)


def known(learner: Learner) -> Knowledge:
    """What the device can tell the fleet."""
    return Knowledge(learner.params, learner.linear.weights, learner.history.climatology, learner.watch.own)


def sends(config: Config, number: jax.Array, slot: jax.Array, labels: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Whether a device sends an update after bin ``number``: an interval has passed and something was learned in it.

    Args:
        config: static.
        number: int32, of the bin.
        slot: int32, the update interval of the last update, counted since 1970.
        labels: int32, labels learned from since then.

    Returns:
        That, bool, and the interval that the bin ends in.
    """
    ended = (number + 1) // config.update_bins
    return (ended > slot) & (labels > 0), ended


def draws(config: Config, number: jax.Array) -> jax.Array:
    """The random numbers of bin ``number``, int32 [replays], from 0: which past examples are replayed at it."""
    key = jax.random.fold_in(jax.random.key(config.seed), number)
    return jax.random.randint(key, (config.replays,), 0, jnp.iinfo(jnp.int32).max)


@partial(jax.jit, static_argnums=0)
def update(
    config: Config,
    learner: Learner,
    number: jax.Array,
    summary: Summary,
    version: jax.Array,
    drawn: jax.Array | None = None,
    panel: Knowledge | None = None,
) -> tuple[Learner, Outputs]:
    """Take one closed bin: score what was forecast for it, learn from it, forecast from it.

    Args:
        config: static.
        learner: the device's state.
        number: int32 [], of the bin, counted since 1970; later than the one before.
        summary: of the bin; counts int32 [sensors], the rest float32 [sensors].
        version: int32 [], the global model the device stands on.
        drawn: ``draws(config, number)``, where they have been made already.
        panel: global models to be judged, [models, ...]; without them none is.
    """
    drawn = draws(config, number) if drawn is None else drawn
    values = summary.mean
    horizons = jnp.asarray(config.horizons)
    gap = features.gap(learner.history, number, config.span)
    pending = Pending(*(features.shift(ring, gap) for ring in learner.pending))
    history = features.advance(config, learner.history, number, values)

    own = jnp.arange(len(config.horizons))
    scored, scored_network = jnp.moveaxis(pending.forecasts[horizons, :, own], 1, 0)
    scored_level = history.values[horizons]
    watch, verdict = detector.update(config, learner.watch, number, summary, learner.fleet.anomalies)

    # One example per horizon whose label this bin is, each with that horizon's target only.
    inputs = jnp.nan_to_num(pending.features[horizons])
    labels = (values - scored_level) / jnp.asarray(SCALES)
    judged = (
        jnp.zeros((0, *config.outputs))
        if panel is None
        else trials.forecasts(config, panel, inputs, pending.usual[horizons], number, scored_level)
    )
    # First, so that XLA need not copy the ring to read it and write it.
    memory = _remember(config, learner.memory, pending, history)
    params, optimizer_state = _learn(config, learner, inputs, labels, *_recall(config, memory, drawn))
    straight = linear.learn(config, learner.linear, inputs, labels)
    diverged = ~(optax.tree.norm((params, straight.weights)) < config.norm_limit)
    params, optimizer_state, straight = jax.tree.map(
        lambda begun, went: jnp.where(diverged, begun, went),
        _beginning(config, learner.fleet),
        (params, optimizer_state, straight),
    )

    observed = features.observe(config, history)
    vector = features.complete(config, observed, number, learner.fleet.climatology)
    moves = knowledge.moves(config, params, straight.weights, vector)
    forecasts = Moves(*(knowledge.values(scaled, values) for scaled in moves))
    after = Pending(
        pending.features.at[0].set(vector),
        pending.usual.at[0].set(observed[-pending.usual.shape[1] :]),
        pending.forecasts.at[0].set(jnp.stack([forecasts.combined, forecasts.network])),
        pending.versions.at[0].set(version),
    )
    examples = jnp.isfinite(labels).any(axis=1).sum()
    outputs = Outputs(
        *(forecasts, values, scored, scored_network, scored_level, pending.versions[horizons]),
        *(judged, verdict, examples, diverged),
    )
    return Learner(params, optimizer_state, straight, learner.fleet, history, after, memory, watch), outputs


def _recall(config: Config, memory: Memory, drawn: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Features and targets of the examples that are ``drawn``."""
    places = drawn % jnp.clip(memory.stored, 1, config.memory)
    return memory.features[places], memory.targets[places]


def _learn(
    config: Config,
    learner: Learner,
    inputs: jax.Array,
    labels: jax.Array,
    replayed: jax.Array,
    replayed_targets: jax.Array,
) -> tuple[Params, Any]:
    """One step on the Huber loss (Huber 1964) over new labels and replayed ones.

    With proximal adoption the distance from the fleet's network is in it too (FedProx, Li et al. 2020, eq. 2).
    No label, no step: replays go with new examples, or a device that sends nothing would drill its past.
    """
    fresh = jnp.isfinite(labels).any()
    own = jnp.eye(len(config.horizons), dtype=bool)[:, :, None]
    vectors = jnp.concatenate([inputs, replayed])
    targets = jnp.concatenate([jnp.where(own, labels[:, None, :], jnp.nan), replayed_targets])
    wanted = jnp.isfinite(targets)

    def loss(params: Params) -> jax.Array:
        off = optax.huber_loss(
            network.moves(config, params, vectors), jnp.nan_to_num(targets), delta=config.huber_delta
        )
        mean = jnp.where(wanted, off, 0).sum() / jnp.maximum(wanted.sum(), 1)
        if config.adoption != "proximal":
            return mean
        away = jax.tree.map(jnp.subtract, params, learner.fleet.network)
        return mean + config.proximity / 2 * optax.tree.norm(away, squared=True)

    updates, state = optimizer(config).update(jax.grad(loss)(learner.params), learner.optimizer, learner.params)
    stepped = (optax.apply_updates(learner.params, updates), state)
    return jax.tree.map(lambda new, old: jnp.where(fresh, new, old), stepped, (learner.params, learner.optimizer))


def _remember(config: Config, memory: Memory, pending: Pending, history: History) -> Memory:
    """Keep the example whose last label has just come, if it has any label."""
    longest = config.horizons[-1]
    ages = longest - jnp.asarray(config.horizons)
    targets = (history.values[ages] - history.values[longest]) / jnp.asarray(SCALES)
    labelled = jnp.isfinite(targets).any()
    slot = memory.stored % config.memory
    # Only the slot is chosen, not the ring, all of which would be written.
    return Memory(
        memory.features.at[slot].set(jnp.where(labelled, pending.features[longest], memory.features[slot])),
        memory.targets.at[slot].set(jnp.where(labelled, targets, memory.targets[slot])),
        memory.stored + labelled,
    )
