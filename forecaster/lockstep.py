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

from forecaster import adoption, knowledge, online, vectors
from forecaster.bins import Summary
from forecaster.config import Config
from forecaster.knowledge import Knowledge
from forecaster.online import Learner, Outputs
from forecaster.vectors import Vectors


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
        staleness_bound: versions behind the newest from which an update does not count.
    """

    window_bins: int = 6
    lateness_bins: int = 2
    federated: bool = True
    staleness_exponent: float = 0.5
    staleness_bound: int = 48


Server = Callable[[Any, Any, Any, Any], Any]
"""What makes a window's model where it is not the mean: of a case, int32 [], the last model, float32 [n], what each
device sent, float32 [devices, n], and the labels behind it, int32 [devices], 0 for those that sent nothing, it makes
float32 [n]. Called outside XLA with its arrays; the numbers are those of ``vectors.joined``."""


class Update(NamedTuple):
    """What a device tells the fleet: its knowledge, the labels behind it (0: nothing to tell), the version it stands on
    and the bin it ends with.
    """

    knowledge: Knowledge
    examples: jax.Array
    version: jax.Array
    number: jax.Array


class Window(NamedTuple):
    """An open window: each device's newest knowledge in it, the labels behind all that the device told in it, and the
    version that the newest stands on.
    """

    knowledge: Knowledge
    examples: jax.Array
    versions: jax.Array


class Fleet(NamedTuple):
    """The state of the loop; "each" is an array, or a tree of arrays, with the devices as first axis.

    Attributes:
        learners: each device's.
        joined: each, whether it has had a bin.
        versions: each, the model it stands on.
        slots: each, the update interval of its last update, counted since 1970.
        labels: each, labels learned from since its last update.
        unsent: each, what it will tell when it reports again: only a later reading closes a bin.
        first, second: the window that closes next, and the one after it, which may be open already.
        models: the last models, newest last; every leaf [delay + 1, ...].
        version: of the newest, 0 before the first window with an update has closed.
    """

    learners: Learner
    joined: jax.Array
    versions: jax.Array
    slots: jax.Array
    labels: jax.Array
    unsent: Update
    first: Window
    second: Window
    models: Knowledge
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
        learners, outputs = jax.vmap(partial(online.update, config), in_axes=(0, None, 0, 0))(
            fleet.learners, number, seen, fleet.versions
        )
        outputs = _where(here, outputs, jax.tree.map(_missing, outputs))
        fleet = fleet._replace(learners=_where(here, learners, fleet.learners), labels=fleet.labels + outputs.examples)
        fleet = _updated(config, fleet, number, here)
        ends = (number + 1 - rounds.lateness_bins) % rounds.window_bins == 0
        return jax.lax.cond(ends, partial(_closed, rounds, server, case), lambda open_: open_, fleet), outputs

    numbers = first + jnp.arange(present.shape[0], dtype=jnp.int32)
    return jax.lax.scan(step, _beginning(config, rounds, present.shape[1]), (numbers, summary, present, heard))


def _delay(config: Config, rounds: Rounds) -> int:
    """Whole windows between a window's end and the last bin without its model."""
    return -(-config.adoption_delay_ms // (rounds.window_bins * config.bin_ms))


def _beginning(config: Config, rounds: Rounds, devices: int) -> Fleet:
    def copies(n: int, tree: Any) -> Any:
        return jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (n, *jnp.shape(leaf))), tree)

    start, zeros = knowledge.initial(config), jnp.zeros(devices, jnp.int32)
    nothing = Window(copies(devices, start), zeros, zeros)
    return Fleet(
        learners=copies(devices, online.init(config)),
        joined=jnp.zeros(devices, bool),
        versions=zeros,
        slots=zeros,
        labels=zeros,
        unsent=Update(copies(devices, start), zeros, zeros, zeros),
        first=nothing,
        second=nothing,
        models=copies(_delay(config, rounds) + 1, start),
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
    closed = (number - rounds.lateness_bins) // rounds.window_bins
    ripe = (number + 1 - -(-config.adoption_delay_ms // config.bin_ms)) // rounds.window_bins
    age = closed - jnp.minimum(ripe, closed)
    model = jax.tree.map(lambda leaf: leaf[_delay(config, rounds) - age], fleet.models)
    due = here & (fleet.version - age > fleet.versions)
    adopted = jax.vmap(lambda learner: adoption.adopt(config, learner, model))(fleet.learners)
    begun = jax.vmap(lambda _: online.init(config, model))(fleet.joined)
    learners = _where(due, _where(fresh, begun, adopted), fleet.learners)
    return fleet._replace(learners=learners, versions=jnp.where(due, fleet.version - age, fleet.versions))


def _updated(config: Config, fleet: Fleet, number: jax.Array, here: jax.Array) -> Fleet:
    """The fleet after bin ``number``: who has begun a new interval, and learned, has an update to send."""
    sends, slot = online.sends(config, number, fleet.slots, fleet.labels)
    sends = here & sends
    return fleet._replace(
        slots=jnp.where(sends, slot, fleet.slots),
        labels=jnp.where(sends, 0, fleet.labels),
        unsent=_where(
            sends,
            Update(
                jax.vmap(online.known)(fleet.learners),
                fleet.labels,
                fleet.versions,
                jnp.broadcast_to(number, sends.shape),
            ),
            fleet.unsent,
        ),
    )


def _closed(rounds: Rounds, server: Server | None, case: jax.Array, fleet: Fleet) -> Fleet:
    """The fleet after a window; without an update in it, the last model again."""
    window = _countable(rounds, fleet)
    total = window.examples.sum()
    newest = jax.tree.map(lambda models: models[-1], fleet.models)
    made = _mean(rounds, fleet.version, window) if server is None else _served(server, case, newest, window)
    models = jax.tree.map(
        lambda old, new, last: jnp.concatenate([old[1:], jnp.where(total > 0, new, last)[None]]),
        fleet.models,
        made,
        newest,
    )
    begun = (fleet.version > 0) | (total > 0)
    empty = fleet.second._replace(examples=jnp.zeros_like(fleet.second.examples))
    return fleet._replace(models=models, first=fleet.second, second=empty, version=fleet.version + begun)


def _countable(rounds: Rounds, fleet: Fleet) -> Window:
    """The window that closes, without what is too stale."""
    stale = fleet.version - fleet.first.versions > rounds.staleness_bound
    return fleet.first._replace(examples=jnp.where(stale, 0, fleet.first.examples))


def _mean(rounds: Rounds, newest: jax.Array, window: Window) -> Knowledge:
    """The mean of the window's updates by examples, less where they are stale beside the freshest."""
    behind = 1.0 + newest - window.versions
    freshest = jnp.where(window.examples > 0, behind, jnp.inf).min()
    weights = window.examples * (behind / freshest) ** -rounds.staleness_exponent
    shares = weights / jnp.maximum(weights.sum(), 1)
    mean: Knowledge = jax.tree.map(lambda sent: jnp.tensordot(shares, sent, 1), window.knowledge)
    return mean


def _served(server: Server, case: jax.Array, newest: Knowledge, window: Window) -> Knowledge:
    last = vectors.joined(newest).floats
    sent = jax.vmap(lambda known: vectors.joined(known).floats)(window.knowledge)
    made = jax.pure_callback(server, jax.ShapeDtypeStruct(last.shape, last.dtype), case, last, sent, window.examples)
    known: Knowledge = vectors.parted(newest, Vectors(made, jnp.zeros(0, jnp.int32)))
    return known


def _where(condition: jax.Array, new: Any, old: Any) -> Any:
    """Leaf by leaf the new one, for the devices that ``condition`` names."""
    return jax.tree.map(lambda a, b: jnp.where(condition.reshape((-1,) + (1,) * (a.ndim - 1)), a, b), new, old)


def _missing(leaf: jax.Array) -> jax.Array:
    return jnp.full_like(leaf, jnp.nan) if jnp.issubdtype(leaf.dtype, jnp.floating) else jnp.zeros_like(leaf)
