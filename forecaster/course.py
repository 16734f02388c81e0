"""Many closed bins of one device in one call: the online step in a loop that XLA runs, adoption and updates in it."""

from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from forecaster import adoption, knowledge, online, vectors
from forecaster.bins import Summary
from forecaster.config import SENSORS, Config
from forecaster.knowledge import Knowledge
from forecaster.online import Learner, Outputs
from forecaster.vectors import Vectors

BINS = 128
"""Taken by one call; fewer are no slower, the loop ends with the last."""
UPDATES = BINS // 6 + 1
"""That can be sent within one call: at the default interval, as many as its bins can bring."""
MODELS = 8
"""That can be adopted within one call."""


class Bins(NamedTuple):
    """Closed bins of one device, in order.

    Attributes:
        numbers: int [n], counted since 1970, ascending.
        summaries: float32 [n, 5, sensors], the parts of ``bins.Summary``, its counts too; °C, %RH, lux, V.
        versions: int [n], the global model that the device stands on at each.
        adopts: int [models], before which of them each model is adopted, ascending.
    """

    numbers: NDArray[np.int64]
    summaries: NDArray[np.float32]
    versions: NDArray[np.int64]
    adopts: NDArray[np.int64]


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


def begin(config: Config, known: Knowledge | None = None) -> Vectors:
    """``online.init``, as a course takes it."""
    return vectors.joined(jax.device_get(online.init(config, known)))


def learner(config: Config, numbers: Vectors) -> Learner:
    """What a course left, as ``online`` takes it."""
    tree: Learner = vectors.parted(_learner(config), numbers)
    return tree


def room(config: Config, version: int, numbers: NDArray[np.int64], versions: NDArray[np.int64]) -> int:
    """How many of the next bins one call takes, at least one.

    Args:
        config: its update interval counts.
        version: of the model adopted last.
        numbers: of the bins, ascending.
        versions: of the models that they are taken under; where another begins, it is adopted.
    """
    changes = np.flatnonzero(np.diff(versions, prepend=version))
    intervals = (numbers[:BINS] + 1) // config.update_bins
    # With the first bin's own interval, which it may end.
    updates = np.flatnonzero(np.diff(intervals, prepend=intervals[0] - 1))
    limits = [(changes, MODELS), (updates, UPDATES)]
    return min(len(intervals), *(int(at[most]) for at, most in limits if len(at) > most), BINS)


def run(config: Config, start: Vectors, slot: int, labels: int, bins: Bins, models: list[Knowledge]) -> Course:
    """Take ``bins``, no more than there is ``room`` for, with the ``models`` adopted on the way."""
    n, missing = len(bins.numbers), MODELS - len(models)
    stretches = [0, *bins.adopts.tolist(), *[n] * (missing + 1)]
    known = [vectors.joined(model).floats for model in models]
    # Few arrays cross, whatever the trees: each costs more than its numbers do.
    state, counts, outputs, sent, told = jax.device_get(
        _run(
            config,
            start,
            np.array([slot, labels, len(models), *stretches], np.int32),
            _padded(bins.summaries.astype(np.float32, copy=False)),
            _padded(np.stack([bins.numbers, bins.versions], axis=1).astype(np.int32)),
            np.stack([*known, *[np.zeros(knowledge.length(config), np.float32)] * missing]),
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
    config: Config, start: Vectors, counts: jax.Array, summaries: jax.Array, numbers: jax.Array, models: jax.Array
) -> Any:
    slot, labels, adopted, *_ = counts
    stretches = counts[3:]
    numbers, versions = numbers.T
    drawn = jax.vmap(partial(online.draws, config))(numbers)
    known = jax.eval_shape(lambda: jax.tree.map(jnp.asarray, knowledge.initial(config)))

    def stretch(k: jax.Array, carry: Any) -> Any:
        """From the adoption of a model, the first time none, to that of the next."""
        learner, *rest = carry
        model = vectors.parted(known, Vectors(models[k - 1], jnp.zeros(0, jnp.int32)))
        took = adoption.adopt(config, learner, model)
        learner = jax.tree.map(lambda new, old: jnp.where(k > 0, new, old), took, learner)
        return jax.lax.fori_loop(stretches[k], stretches[k + 1], bin_, (learner, *rest))

    def bin_(i: jax.Array, carry: Any) -> Any:
        learner, slot, labels, outputs, sent, told = carry
        learner, out = online.update(config, learner, numbers[i], summary(summaries[i]), versions[i], drawn[i])
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
    learner, slot, labels, outputs, sent, told = jax.lax.fori_loop(0, adopted + 1, stretch, carry)
    return vectors.joined(learner), jnp.stack([slot, labels]), outputs, sent, told


@lru_cache(maxsize=8)
def _learner(config: Config) -> Learner:
    """Shapes of a learner."""
    return jax.eval_shape(lambda: online.init(config))


@lru_cache(maxsize=8)
def _outputs(config: Config) -> Outputs:
    """Shapes of one bin's outputs."""

    def one() -> Outputs:
        nothing = summary(jnp.zeros((len(Summary._fields), len(SENSORS))))
        return online.update(config, online.init(config), jnp.int32(0), nothing, jnp.int32(0))[1]

    return jax.eval_shape(one)


def summary(parts: Any) -> Summary:
    """One bin's, from its parts in one array, float32 [5, sensors]."""
    counts, *rest = parts
    return Summary(counts.astype(jnp.int32), *rest)
