"""A global model on one device's stream: forecasts when a bin closes, scored when their time has come.

What ``online.update`` does, without learning: the device's own is its history, what is usual for it and its detector.
"""

from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from forecaster import features, knowledge, vectors
from forecaster.anomalies import detector
from forecaster.anomalies.detector import Verdict
from forecaster.bins import Summary
from forecaster.config import SENSORS, Config
from forecaster.course import summary
from forecaster.features import History
from forecaster.knowledge import Knowledge, Moves
from forecaster.vectors import Vectors

CHUNK = 16
"""Bins that one call takes at most; fewer are no slower, the loop ends with the last. Another size compiles anew."""


class Said(NamedTuple):
    """What was said at each of the last ``span`` bins, newest first, until it can be scored.

    Attributes:
        forecasts: float32 [span, horizons, sensors], NaN where there was none.
        versions: int32 [span], the global model that each came from, 0 for persistence.
        stale: int32 [span], whether that was known to be old.
    """

    forecasts: jax.Array
    versions: jax.Array
    stale: jax.Array


class Watcher(NamedTuple):
    """Everything the evaluation of one device needs to go on."""

    history: History
    said: Said
    watch: detector.State


class Outputs(NamedTuple):
    """What one bin brought; float32 unless said, NaN where there is none; named as in ``online.Outputs``.

    Attributes:
        forecasts: of each model, [horizons, sensors], made at this bin; ``combined`` is the word that counts.
        level: [sensors], this bin: persistence's forecast.
        scored, scored_network: [horizons, sensors], the forecasts that this bin is the target of.
        scored_level: [horizons, sensors], persistence's for the same.
        scored_version, scored_stale: int32 [horizons], of those forecasts.
        verdict: on the bin itself.
    """

    forecasts: Moves
    level: jax.Array
    scored: jax.Array
    scored_network: jax.Array
    scored_level: jax.Array
    scored_version: jax.Array
    scored_stale: jax.Array
    verdict: Verdict


def init(config: Config) -> Watcher:
    """A device before its first bin."""
    missing = jnp.full((config.span, *config.outputs), jnp.nan)
    nothing = jnp.zeros(config.span, jnp.int32)
    return Watcher(features.empty(config), Said(missing, nothing, nothing), detector.init(config))


def update(
    config: Config,
    watcher: Watcher,
    number: jax.Array,
    summary: Summary,
    known: Knowledge,
    version: jax.Array,
    stale: jax.Array,
) -> tuple[Watcher, Outputs]:
    """Take one closed bin: score what was forecast for it, forecast from it.

    Args:
        config: static.
        watcher: the device's state.
        number: int32 [], of the bin, counted since 1970; later than the one before.
        summary: of the bin; counts int32 [sensors], the rest float32 [sensors].
        known: what the global model knows.
        version: int32 [], its version; 0: there is none yet, forecast persistence.
        stale: int32 [], whether it is known to be old.
    """
    values, horizons = summary.mean, jnp.asarray(config.horizons)
    gap = features.gap(watcher.history, number, config.span)
    said = Said(*(features.shift(ring, gap) for ring in watcher.said))
    history = features.advance(config, watcher.history, number, values)
    own = jnp.arange(len(config.horizons))
    watch, verdict = detector.update(config, watcher.watch, number, summary, known.anomalies)

    vector = features.complete(config, features.observe(config, history), number, known.climatology)
    moves = knowledge.moves(config, known.network, known.linear, vector)
    forecasts = Moves(*(knowledge.values(jnp.where(version > 0, scaled, 0), values) for scaled in moves))
    after = Said(
        said.forecasts.at[0].set(forecasts.combined), said.versions.at[0].set(version), said.stale.at[0].set(stale)
    )
    scored = said.forecasts[horizons, own]
    outputs = Outputs(
        *(forecasts, values, scored, jnp.full_like(scored, jnp.nan), history.values[horizons]),
        *(said.versions[horizons], said.stale[horizons], verdict),
    )
    return Watcher(history, after, watch), outputs


def begin(config: Config) -> Vectors:
    """``init`` as ``run`` takes it."""
    return vectors.joined(jax.device_get(init(config)))


def run(
    config: Config,
    start: Vectors,
    numbers: NDArray[np.int64],
    summaries: NDArray[np.float32],
    model: NDArray[np.float32],
    version: int,
    stale: NDArray[np.int32],
    chunk: int = CHUNK,
) -> tuple[Vectors, Outputs]:
    """``update`` for some bins of a device with one model.

    Args:
        config: static.
        start: the device's state.
        numbers: int64 [n], of the bins, ascending; at least one.
        summaries: float32 [n, 5, sensors], the parts of ``bins.Summary``.
        model: float32 [knowledge.length], all its numbers (``course.numbers``).
        version: its version.
        stale: int32 [n].
        chunk: bins that one call takes at most.

    Returns:
        The state after them; the outputs, first axis [n].
    """
    parts = []
    for begin in range(0, len(numbers), chunk):
        part = slice(begin, begin + chunk)
        marks = np.stack([numbers[part], stale[part]], axis=1).astype(np.int32)
        taken = len(marks), version
        padded = _padded(summaries[part].astype(np.float32), chunk), _padded(marks, chunk)
        start, made = jax.device_get(_run(config, start, np.array(taken, np.int32), *padded, model))
        parts.append(Vectors(*(rows[: len(marks)] for rows in made)))
    joined = Vectors(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    return start, vectors.parted(_shapes(config)[1], joined)


def _padded(rows: NDArray[Any], room: int) -> NDArray[Any]:
    return np.concatenate([rows, np.zeros((room - len(rows), *rows.shape[1:]), rows.dtype)])


@partial(jax.jit, static_argnums=0)
def _run(
    config: Config, start: Vectors, counts: jax.Array, summaries: jax.Array, marks: jax.Array, model: jax.Array
) -> tuple[Vectors, Vectors]:
    shapes = _shapes(config)
    known = vectors.parted(shapes[2], Vectors(model, jnp.zeros(0, jnp.int32)))

    def bin_(i: jax.Array, carry: Any) -> Any:
        watcher, outputs = carry
        number, stale = marks[i]
        watcher, out = update(config, watcher, number, summary(summaries[i]), known, counts[1], stale)
        return watcher, Vectors(*(all_.at[i].set(one) for all_, one in zip(outputs, vectors.joined(out), strict=True)))

    carry = vectors.parted(shapes[0], start), vectors.empty(shapes[1], len(marks))
    watcher, outputs = jax.lax.fori_loop(0, counts[0], bin_, carry)
    return vectors.joined(watcher), outputs


@lru_cache(maxsize=8)
def _shapes(config: Config) -> tuple[Watcher, Outputs, Knowledge]:
    """Of a state, of one bin's outputs, of a model."""

    def one() -> tuple[Watcher, Outputs, Knowledge]:
        nothing, zero = summary(jnp.zeros((len(Summary._fields), len(SENSORS)))), jnp.int32(0)
        known = jax.tree.map(jnp.asarray, knowledge.initial(config))
        return *update(config, init(config), zero, nothing, known, zero, zero), known

    return jax.eval_shape(one)
