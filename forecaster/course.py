"""Many closed bins of one device in one call: the online step in a loop that XLA runs, adoption and updates in it."""

from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from forecaster import adoption, knowledge, online
from forecaster.bins import Summary
from forecaster.config import SENSORS, Config
from forecaster.knowledge import Knowledge
from forecaster.online import Learner, Outputs

BINS = 128
"""Taken by one call; fewer are no slower, the loop ends with the last."""
UPDATES = BINS // 2 + 1
"""That can be sent within one call."""
MODELS = 4
"""That can be adopted within one call."""


class Bins(NamedTuple):
    """Closed bins of one device, in order.

    Attributes:
        numbers: int [n], counted since 1970, ascending.
        summaries: float32 [n, 5, sensors], the parts of ``bins.Summary``, its counts too; °C, %RH, lux, V.
        versions: int [n], the global model that the device stands on at each.
        adopts: int [n], which of the models is adopted before the bin, -1 for none.
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

    learner: Learner
    slot: int
    labels: int
    outputs: Outputs
    sent: NDArray[np.bool_]
    told: NDArray[np.float32]


def run(config: Config, learner: Learner, slot: int, labels: int, bins: Bins, models: list[Knowledge]) -> Course:
    """Take ``bins``, with the ``models`` adopted on the way.

    At most ``BINS``, ``MODELS``, and bins that end in so many update intervals that they bring ``UPDATES``.
    """
    n = len(bins.numbers)
    padded = [np.resize(part, (BINS, *part.shape[1:])) for part in bins]
    known = [*models, *[knowledge.initial(config)] * (MODELS - len(models))]
    # Few arrays cross, whatever the trees: each costs more than its numbers do.
    packed = _run(
        config,
        _joined(learner),
        np.array([slot, labels, n], np.int32),
        padded[1].astype(np.float32),
        np.stack([padded[0], padded[2], padded[3]]).astype(np.int32),
        np.stack([_joined(one)[0] for one in known]),
    )
    state, counts, outputs, sent, told = jax.device_get(packed)
    return Course(
        _parted(_learner(config), state),
        int(counts[0]),
        int(counts[1]),
        _parted(_outputs(config), outputs, n),
        sent[:n],
        told[: int(sent.sum())],
    )


@partial(jax.jit, static_argnums=0)
def _run(
    config: Config,
    state: tuple[jax.Array, jax.Array],
    counts: jax.Array,
    summaries: jax.Array,
    numbers: jax.Array,
    models: jax.Array,
) -> Any:
    start = _parted(_learner(config), state)
    known = jax.eval_shape(lambda: jax.tree.map(jnp.asarray, knowledge.initial(config)))
    numbers, versions, adopts = numbers
    drawn = jax.vmap(partial(online.draws, config))(numbers)
    drawn = jax.vmap(partial(online.draws, config))(numbers)
    outputs = tuple(jnp.zeros((BINS, size), kind) for size, kind in _sizes(_outputs(config)))

    def body(i: jax.Array, carry: Any) -> Any:
        learner, slot, labels, outputs, sent, told = carry
        model = _parted(known, (models[adopts[i]], jnp.zeros(0, jnp.int32)))
        took = adoption.adopt(config, learner, model)
        params, fleet = jax.tree.map(
            lambda new, old: jnp.where(adopts[i] >= 0, new, old),
            (took.params, took.fleet),
            (learner.params, learner.fleet),
        )
        learner = learner._replace(params=params, fleet=fleet)
        learner, out = online.update(config, learner, numbers[i], summary(summaries[i]), versions[i], drawn[i])
        labels = labels + out.examples
        sends, ended = online.sends(config, numbers[i], slot, labels)
        # Written after every bin, and over again until there is an update: cheaper than to ask whether there is.
        told = told.at[sent.sum()].set(knowledge.flat(online.known(learner)))
        slot, labels = jnp.where(sends, ended, slot), jnp.where(sends, 0, labels)
        outputs = tuple(all_.at[i].set(one) for all_, one in zip(outputs, _joined(out), strict=True))
        return learner, slot, labels, outputs, sent.at[i].set(sends), told

    told = jnp.zeros((UPDATES, knowledge.length(config)))
    carry = (start, counts[0], counts[1], outputs, jnp.zeros(BINS, bool), told)
    learner, slot, labels, outputs, sent, told = jax.lax.fori_loop(0, counts[2], body, carry)
    return _joined(learner), jnp.stack([slot, labels]), outputs, sent, told


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


def _integral(leaf: Any) -> bool:
    return bool(leaf.dtype.kind != "f")


def _sizes(tree: Any) -> list[tuple[int, Any]]:
    leaves = jax.tree.leaves(tree)
    return [
        (sum(leaf.size for leaf in leaves if not _integral(leaf)), jnp.float32),
        (sum(leaf.size for leaf in leaves if _integral(leaf)), jnp.int32),
    ]


def _joined(tree: Any) -> tuple[Any, Any]:
    """A tree's numbers as one vector of float32 and one of int32."""
    leaves = jax.tree.leaves(tree)
    xp: Any = np if all(isinstance(leaf, np.ndarray | np.generic) for leaf in leaves) else jnp
    floats = [xp.ravel(leaf) for leaf in leaves if not _integral(leaf)]
    integers = [xp.ravel(leaf).astype(np.int32) for leaf in leaves if _integral(leaf)]
    return xp.concatenate(floats), xp.concatenate(integers) if integers else xp.zeros(0, np.int32)


def _parted(shapes: Any, numbers: tuple[Any, Any], rows: int | None = None) -> Any:
    """A tree like ``shapes`` from the vectors of ``_joined``; with ``rows``, from as many, one below the other."""
    leaves, structure = jax.tree.flatten(shapes)
    made, places = [], [0, 0]
    for leaf in leaves:
        source, kind = (numbers[1], 1) if _integral(leaf) else (numbers[0], 0)
        low, places[kind] = places[kind], places[kind] + leaf.size
        part = source[low : low + leaf.size] if rows is None else source[:rows, low : low + leaf.size]
        made.append(part.reshape(leaf.shape if rows is None else (rows, *leaf.shape)).astype(leaf.dtype, copy=False))
    return jax.tree.unflatten(structure, made)
