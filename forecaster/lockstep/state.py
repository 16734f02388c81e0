"""What the loop works on: the grid, how knowledge goes round, the fleet's state."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from forecaster.bins import Summary
from forecaster.config import Config
from forecaster.knowledge import Knowledge
from forecaster.online import Learner


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
    min_labels: int = 20

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


def delay(config: Config, rounds: Rounds) -> int:
    """Whole windows between a window's end and the last bin without its model."""
    return -(-config.adoption_delay_ms // (rounds.window_bins * config.bin_ms))


def where(condition: jax.Array, new: Any, old: Any) -> Any:
    """Leaf by leaf the new one, for the devices that ``condition`` names."""
    return jax.tree.map(lambda a, b: jnp.where(condition.reshape((-1,) + (1,) * (a.ndim - 1)), a, b), new, old)
