"""A whole fleet in one loop, without any engine: devices, windows and adoption under ``scan`` and ``vmap``.

The same learner and the same rules as on Flink and in the aggregator, on a grid of bins. It is what learning is judged
on, and what the engines are held against.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from forecaster import adoption, knowledge, online, trials
from forecaster.bins import Summary
from forecaster.config import Config
from forecaster.knowledge import Knowledge
from forecaster.online import Learner, Outputs


class Grid(NamedTuple):
    """Closed bins of a fleet.

    Attributes:
        first: number of the first bin, counted since 1970.
        summary: counts int32, the rest float32 [bins, devices, sensors]; °C, %RH, lux, V.
        present: bool [bins, devices], whether the device reported in the bin, and later again: it closed.
        heard: bool [bins, devices], whether it reported, be it for the last time; where ``None``, the same.
    """

    first: int
    summary: Summary
    present: NDArray[np.bool_]
    heard: NDArray[np.bool_] | None = None

    @property
    def values(self) -> NDArray[np.float32]:
        """The means, float32 [bins, devices, sensors], NaN where missing."""
        means: NDArray[np.float32] = self.summary.mean
        return means


class Rounds(NamedTuple):
    """How knowledge goes round; static.

    Attributes:
        window_bins: bins in an aggregation window.
        lateness_bins: for which a window waits for its updates, no longer than a window.
        federated: whether models are adopted; otherwise every device learns alone from the common start.
        staleness_exponent: an update that is s versions behind counts (1 + s) to the minus this, beside the freshest.
        staleness_bound: versions behind the champion from which an update does not count.
        evaluated: whether a version is promoted only after devices have judged it; else as soon as it is made.
        margin: share by which a version's error must exceed another's for it to be worse.
        min_labels: behind a judgement for it to count, of all sensors and horizons.
    """

    window_bins: int = 6
    lateness_bins: int = 2
    federated: bool = True
    staleness_exponent: float = 0.5
    staleness_bound: int = 48
    evaluated: bool = True
    margin: float = 0.05
    min_labels: int = 30

    @property
    def judged(self) -> bool:
        """Whether devices judge versions."""
        return self.federated and self.evaluated


Server = Callable[[Any, Any, Any, Any], Any]
"""What makes a window's model where it is not the mean: of a case, int32 [], its parent, float32 [n], what each device
sent, float32 [devices, n], and the labels behind it, int32 [devices], 0 for those that sent nothing, it makes
float32 [n]. Called outside XLA with its arrays; the numbers are those of ``knowledge.flat``."""


class Update(NamedTuple):
    """What a device tells the fleet: its knowledge, the labels behind it (0: nothing to tell), the version it stands
    on, the panel it judges and how that did, and the bin it ends with.
    """

    knowledge: Knowledge
    examples: jax.Array
    version: jax.Array
    panel: jax.Array
    judged: jax.Array
    number: jax.Array


class Window(NamedTuple):
    """An open window: of each device the newest that it told, as there, and the labels behind all of it."""

    knowledge: Knowledge
    examples: jax.Array
    versions: jax.Array
    panels: jax.Array
    judged: jax.Array


class Fleet(NamedTuple):
    """The state of the loop; "each" is an array, or a tree of arrays, with the devices as first axis.

    Attributes:
        learners: each device's.
        joined: each, whether it has had a bin.
        versions: each, the model it stands on.
        followed: each, the event whose word that is.
        judged: each, float32 [rivals, 3, horizons, sensors], since it follows that and its last update: labels, the
            errors of the panel's other models, and the champion's.
        slots: each, the update interval of its last update, counted since 1970.
        labels: each, labels learned from since its last update.
        unsent: each, what it will tell when it reports again: only a later reading closes a bin.
        first, second: the window that closes next, and the one after it, which may be open already.
        held: the versions that count, as the aggregator's ``Standing`` has them: champion, fallback, candidates
            ascending; int32 [2 + OPEN], ``NONE`` where there is none.
        models: what they know; every leaf [2 + OPEN, ...].
        panels: int32 [delay + 1, 3], what the last events have judged, newest last.
        judges: what those know; every leaf [delay + 1, 3, ...].
        version: of the newest, 0 before the first window with an update has closed.
    """

    learners: Learner
    joined: jax.Array
    versions: jax.Array
    followed: jax.Array
    judged: jax.Array
    slots: jax.Array
    labels: jax.Array
    unsent: Update
    first: Window
    second: Window
    held: jax.Array
    models: Knowledge
    panels: jax.Array
    judges: Knowledge
    version: jax.Array


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
        fleet = _delivered(rounds, fleet, number, reports)
        fleet = _joined(config, rounds, fleet, number, here)
        panel = jax.tree.map(lambda leaf: leaf[_due(config, rounds, number)[0]], fleet.judges)
        learners, outputs = jax.vmap(
            lambda *device: online.update(config, *device, None, panel if rounds.judged else None),
            in_axes=(0, None, 0, 0),
        )(fleet.learners, number, seen, fleet.versions)
        outputs = _where(here, outputs, jax.tree.map(_missing, outputs))
        fleet = fleet._replace(learners=_where(here, learners, fleet.learners), labels=fleet.labels + outputs.examples)
        if rounds.judged:
            fleet = fleet._replace(judged=fleet.judged + _judged(outputs))
        fleet = _updated(config, rounds, fleet, number, here)
        ends = (number + 1 - rounds.lateness_bins) % rounds.window_bins == 0
        return jax.lax.cond(ends, partial(_closed, config, rounds, server, case), lambda open_: open_, fleet), outputs

    numbers = first + jnp.arange(present.shape[0], dtype=jnp.int32)
    return jax.lax.scan(step, _beginning(config, rounds, present.shape[1]), (numbers, summary, present, heard))


def _due(config: Config, rounds: Rounds, number: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Which of the last events devices follow at bin ``number``: its place, and how many windows old it is."""
    closed = (number - rounds.lateness_bins) // rounds.window_bins
    ripe = (number + 1 - -(-config.adoption_delay_ms // config.bin_ms)) // rounds.window_bins
    age = closed - jnp.minimum(ripe, closed)
    return _delay(config, rounds) - age, age


def _judged(outputs: Outputs) -> jax.Array:
    """What a bin adds to each device's judgement, float32 [devices, rivals, 3, horizons, sensors]; 0 where nothing."""
    errors = jnp.abs(outputs.judged - outputs.level[:, None, None, :])
    persistence = jnp.abs(outputs.scored_level - outputs.level[:, None, :])[:, None]
    rivals, champion = errors[:, 1:], jnp.broadcast_to(errors[:, :1], errors[:, 1:].shape)
    known = jnp.isfinite(rivals) & jnp.isfinite(champion) & jnp.isfinite(persistence)
    return jnp.stack([known, jnp.where(known, rivals, 0), jnp.where(known, champion, 0)], axis=2)


def _delay(config: Config, rounds: Rounds) -> int:
    """Whole windows between a window's end and the last bin without its model."""
    return -(-config.adoption_delay_ms // (rounds.window_bins * config.bin_ms))


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
        panels=copies(_delay(config, rounds) + 1, none),
        judges=copies(_delay(config, rounds) + 1, copies(len(none), start)),
        version=jnp.int32(0),
    )


def _delivered(rounds: Rounds, fleet: Fleet, number: jax.Array, reports: jax.Array) -> Fleet:
    """The fleet when its devices report in bin ``number``: what they had not told yet enters a window.

    That is its own, or where that has closed in the meantime, the one that closes next.
    """
    closes_next = (number - rounds.lateness_bins) // rounds.window_bins
    told = reports & (fleet.unsent.examples > 0)
    ahead = fleet.unsent.number // rounds.window_bins > closes_next

    def entered(window: Window, enters: jax.Array) -> Window:
        return Window(
            _where(enters, fleet.unsent.knowledge, window.knowledge),
            window.examples + jnp.where(enters, fleet.unsent.examples, 0),
            jnp.where(enters, fleet.unsent.version, window.versions),
            _where(enters, fleet.unsent.panel, window.panels),
            _where(enters, fleet.unsent.judged, window.judged),
        )

    return fleet._replace(
        first=entered(fleet.first, told & ~ahead),
        second=entered(fleet.second, told & ahead),
        unsent=fleet.unsent._replace(examples=jnp.where(told, 0, fleet.unsent.examples)),
    )


def _joined(config: Config, rounds: Rounds, fleet: Fleet, number: jax.Array, here: jax.Array) -> Fleet:
    """The fleet before bin ``number``: new devices begin, and all take up the model that is due."""
    fresh = here & ~fleet.joined
    fleet = fleet._replace(
        joined=fleet.joined | here, slots=jnp.where(fresh, number // config.update_bins, fleet.slots)
    )
    if not rounds.federated:
        return fleet
    place, age = _due(config, rounds, number)
    event, champion = fleet.version - age, fleet.panels[place, 0]
    due = here & (event > fleet.followed)
    adopts = due & (champion != fleet.versions)
    model = jax.tree.map(lambda leaf: leaf[place, 0], fleet.judges)
    adopted = jax.vmap(lambda learner: adoption.adopt(config, learner, model))(fleet.learners)
    begun = jax.vmap(lambda _: online.init(config, model))(fleet.joined)
    return fleet._replace(
        learners=_where(adopts, _where(fresh, begun, adopted), fleet.learners),
        versions=jnp.where(adopts, champion, fleet.versions),
        followed=jnp.where(due, event, fleet.followed),
        judged=_where(due, jnp.zeros_like(fleet.judged), fleet.judged),
    )


def _updated(config: Config, rounds: Rounds, fleet: Fleet, number: jax.Array, here: jax.Array) -> Fleet:
    """The fleet after bin ``number``: who has begun a new interval, and learned, has an update to send."""
    sends, slot = online.sends(config, number, fleet.slots, fleet.labels)
    sends = here & sends
    panel = fleet.panels[_due(config, rounds, number)[0]]
    return fleet._replace(
        judged=_where(sends, jnp.zeros_like(fleet.judged), fleet.judged),
        slots=jnp.where(sends, slot, fleet.slots),
        labels=jnp.where(sends, 0, fleet.labels),
        unsent=_where(
            sends,
            Update(
                jax.vmap(online.known)(fleet.learners),
                fleet.labels,
                fleet.versions,
                jnp.broadcast_to(panel, (*sends.shape, *panel.shape)),
                fleet.judged,
                jnp.broadcast_to(number, sends.shape),
            ),
            fleet.unsent,
        ),
    )


def _closed(config: Config, rounds: Rounds, server: Server | None, case: jax.Array, fleet: Fleet) -> Fleet:
    """The fleet after a window; without an update in it, its model is its parent's again."""
    window = _countable(rounds, fleet)
    total = window.examples.sum()
    decided = _decided(config, rounds, fleet.held, window)
    places = (fleet.held[:, None] == decided[None]).argmax(axis=0)
    models = jax.tree.map(lambda leaf: leaf[places], fleet.models)
    parent = jax.tree.map(lambda leaf: leaf[jnp.where(decided[2:].max() < 0, 0, 2 + decided[2:].argmax())], models)
    made = _mean(rounds, fleet.held[0], window) if server is None else _served(config, server, case, parent, window)
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
    stale = fleet.held[0] - fleet.first.versions > rounds.staleness_bound
    return fleet.first._replace(examples=jnp.where(stale, 0, fleet.first.examples))


def _mean(rounds: Rounds, champion: jax.Array, window: Window) -> Knowledge:
    """The mean of the window's updates by examples, less where they are stale beside the freshest."""
    behind = 1.0 + jnp.maximum(champion - window.versions, 0)
    freshest = jnp.where(window.examples > 0, behind, jnp.inf).min()
    weights = window.examples * (behind / freshest) ** -rounds.staleness_exponent
    shares = weights / jnp.maximum(weights.sum(), 1)
    mean: Knowledge = jax.tree.map(lambda sent: jnp.tensordot(shares, sent, 1), window.knowledge)
    return mean


def _served(config: Config, server: Server, case: jax.Array, parent: Knowledge, window: Window) -> Knowledge:
    last, sent = knowledge.flat(parent), jax.vmap(knowledge.flat)(window.knowledge)
    made = jax.pure_callback(server, jax.ShapeDtypeStruct(last.shape, last.dtype), case, last, sent, window.examples)
    return knowledge.unflattened(config, made)


def _where(condition: jax.Array, new: Any, old: Any) -> Any:
    """Leaf by leaf the new one, for the devices that ``condition`` names."""
    return jax.tree.map(lambda a, b: jnp.where(condition.reshape((-1,) + (1,) * (a.ndim - 1)), a, b), new, old)


def _missing(leaf: jax.Array) -> jax.Array:
    return jnp.full_like(leaf, jnp.nan) if jnp.issubdtype(leaf.dtype, jnp.floating) else jnp.zeros_like(leaf)
