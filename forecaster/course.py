"""Many closed bins of one device in one call: the online step in a loop that XLA runs, adoption and updates in it."""

from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from forecaster import adoption, knowledge, online, trials, vectors
from forecaster.bins import Summary
from forecaster.config import SENSORS, Config
from forecaster.knowledge import Knowledge
from forecaster.online import Learner, Outputs
from forecaster.vectors import Vectors

BINS = 128
"""Taken by one call; fewer are no slower, the loop ends with the last."""
UPDATES = BINS // 6 + 1
"""That can be sent within one call: at the default interval, as many as its bins can bring."""
FOLLOWED = 8
"""Events of the global model that can come to be followed within one call."""
JUDGED = len(trials.Panel._fields)
"""Models of a panel."""


class Bins(NamedTuple):
    """Closed bins of one device, in order.

    Attributes:
        numbers: int [n], counted since 1970, ascending.
        summaries: float32 [n, 5, sensors], the parts of ``bins.Summary``, its counts too; °C, %RH, lux, V.
        versions: int [n], the global model that the device stands on at each.
        begins: int [followed], before which of them the device begins to follow each event, ascending.
        adopts: bool [followed], whether it takes up another model then.
    """

    numbers: NDArray[np.int64]
    summaries: NDArray[np.float32]
    versions: NDArray[np.int64]
    begins: NDArray[np.int64]
    adopts: NDArray[np.bool_]


class Course(NamedTuple):
    """What the bins brought.

    Attributes:
        learner: after them.
        slot: update interval of the last update, counted since 1970.
        labels: learned from since then.
        outputs: of every bin, first axis [n].
        sent: bool [n], whether the device sends an update after the bin.
        told: float32 [updates, knowledge.length], what each of them tells, flat.
    """

    learner: Vectors
    slot: int
    labels: int
    outputs: Outputs
    sent: NDArray[np.bool_]
    told: NDArray[np.float32]


def begin(config: Config, model: NDArray[np.float32] | None = None) -> Vectors:
    """``online.init`` from a model's ``numbers``, or without any, as a course takes it."""
    known = None if model is None else vectors.parted(_knowledge(config), Vectors(model, np.zeros(0, np.int32)))
    return vectors.joined(jax.device_get(online.init(config, known)))


def numbers(known: Knowledge) -> NDArray[np.float32]:
    """What a model knows, float32 [n], as a course takes it."""
    floats: NDArray[np.float32] = vectors.joined(known).floats
    return floats


def learner(config: Config, numbers: Vectors) -> Learner:
    """What a course left, as ``online`` takes it."""
    tree: Learner = vectors.parted(_learner(config), numbers)
    return tree


def room(config: Config, before: int, numbers: NDArray[np.int64], followed: NDArray[np.int64]) -> int:
    """How many of the next bins one call takes, at least one.

    Args:
        config: its update interval counts.
        before: the event of the global model that was followed before them.
        numbers: of the bins, ascending.
        followed: the event that is followed at each.
    """
    changes = np.flatnonzero(np.diff(followed, prepend=before))
    intervals = (numbers[:BINS] + 1) // config.update_bins
    # With the first bin's own interval, which it may end.
    updates = np.flatnonzero(np.diff(intervals, prepend=intervals[0] - 1))
    limits = [(changes, FOLLOWED), (updates, UPDATES)]
    return min(len(intervals), *(int(at[most]) for at, most in limits if len(at) > most), BINS)


def run(
    config: Config,
    start: Vectors,
    slot: int,
    labels: int,
    bins: Bins,
    panels: Sequence[Sequence[NDArray[np.float32] | None]],
) -> Course:
    """Take ``bins``, no more than there is ``room`` for.

    Args:
        config: static.
        start: what the device has learned.
        slot: update interval of its last update, counted since 1970.
        labels: learned from since then.
        bins: to be taken.
        panels: the ``numbers`` of the models judged, in the order of ``trials.Panel``, ``None`` where there is none:
            of the event that is followed before any of ``bins.begins``, then of each. A champion is read only where it
            is adopted.
    """
    n, missing = len(bins.numbers), FOLLOWED - len(bins.begins)
    stretches = [0, *bins.begins.tolist(), *[n] * (missing + 1)]
    adopts = [False, *bins.adopts.tolist(), *[False] * missing]
    judged = np.full((FOLLOWED + 1, JUDGED, knowledge.length(config)), np.nan, np.float32)
    for k, panel in enumerate(panels):
        for m, model in enumerate(panel):
            if model is not None:
                judged[k, m] = model
    # Few arrays cross, whatever the trees: each costs more than its numbers do.
    state, counts, outputs, sent, told = jax.device_get(
        _run(
            config,
            start,
            np.array([slot, labels, len(bins.begins), *stretches, *adopts], np.int32),
            _padded(bins.summaries.astype(np.float32, copy=False)),
            _padded(np.stack([bins.numbers, bins.versions], axis=1).astype(np.int32)),
            judged,
        )
    )
    return Course(
        state,
        int(counts[0]),
        int(counts[1]),
        vectors.parted(_outputs(config), Vectors(*(part[:n] for part in outputs))),
        sent[:n],
        told[: int(sent.sum())],
    )


def _padded(rows: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate([rows, np.zeros((BINS - len(rows), *rows.shape[1:]), rows.dtype)])


@partial(jax.jit, static_argnums=0)
def _run(
    config: Config, start: Vectors, counts: jax.Array, summaries: jax.Array, numbers: jax.Array, panels: jax.Array
) -> Any:
    slot, labels, changes, *_ = counts
    stretches, adopts = counts[3 : FOLLOWED + 5], counts[FOLLOWED + 5 :]
    numbers, versions = numbers.T
    drawn = jax.vmap(partial(online.draws, config))(numbers)

    def stretch(k: jax.Array, carry: Any) -> Any:
        """From where an event comes to be followed, the first time none, to the next."""
        learner, *rest = carry
        panel = vectors.parted(_knowledge(config), Vectors(panels[k], jnp.zeros((JUDGED, 0), jnp.int32)))
        took = adoption.adopt(config, learner, jax.tree.map(lambda leaf: leaf[0], panel))
        learner = jax.tree.map(lambda new, old: jnp.where(adopts[k] > 0, new, old), took, learner)
        panel = jax.tree.map(lambda leaf, fleet: leaf.at[0].set(fleet), panel, learner.fleet)
        return jax.lax.fori_loop(stretches[k], stretches[k + 1], partial(bin_, panel), (learner, *rest))

    def bin_(panel: Knowledge, i: jax.Array, carry: Any) -> Any:
        learner, slot, labels, outputs, sent, told = carry
        learner, out = online.update(config, learner, numbers[i], summary(summaries[i]), versions[i], drawn[i], panel)
        labels = labels + out.examples
        sends, ended = online.sends(config, numbers[i], slot, labels)
        told = jax.lax.cond(sends, lambda: told.at[sent.sum()].set(knowledge.flat(online.known(learner))), lambda: told)
        slot, labels = jnp.where(sends, ended, slot), jnp.where(sends, 0, labels)
        outputs = Vectors(*(all_.at[i].set(one) for all_, one in zip(outputs, vectors.joined(out), strict=True)))
        return learner, slot, labels, outputs, sent.at[i].set(sends), told

    carry = (
        vectors.parted(_learner(config), start),
        *(slot, labels, vectors.empty(_outputs(config), BINS)),
        jnp.zeros(BINS, bool),
        jnp.zeros((UPDATES, knowledge.length(config))),
    )
    learner, slot, labels, outputs, sent, told = jax.lax.fori_loop(0, changes + 1, stretch, carry)
    return vectors.joined(learner), jnp.stack([slot, labels]), outputs, sent, told


@lru_cache(maxsize=8)
def _learner(config: Config) -> Learner:
    """Shapes of a learner."""
    return jax.eval_shape(lambda: online.init(config))


@lru_cache(maxsize=8)
def _knowledge(config: Config) -> Knowledge:
    """Shapes of a model."""
    return jax.eval_shape(lambda: jax.tree.map(jnp.asarray, knowledge.initial(config)))


@lru_cache(maxsize=8)
def _outputs(config: Config) -> Outputs:
    """Shapes of one bin's outputs."""

    def one() -> Outputs:
        nothing = summary(jnp.zeros((len(Summary._fields), len(SENSORS))))
        panel = jax.tree.map(lambda leaf: jnp.stack([leaf] * JUDGED), knowledge.initial(config))
        return online.update(config, online.init(config), jnp.int32(0), nothing, jnp.int32(0), panel=panel)[1]

    return jax.eval_shape(one)


def summary(parts: Any) -> Summary:
    """One bin's, from its parts in one array, float32 [5, sensors]."""
    counts, *rest = parts
    return Summary(counts.astype(jnp.int32), *rest)
