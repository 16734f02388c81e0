"""Server optimizers: the mean of a window is one gradient of the fleet's weights, and an optimizer follows it.

Reddi et al. 2021, Adaptive Federated Optimization, algorithm 2, with optax; the defaults are Flower's.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from numpy.typing import NDArray

from forecaster.strategies.contract import Aggregate, Part, State, Strategy, streaming
from forecaster.strategies.moments import scale_by_adam, scale_by_yogi
from forecaster.strategies.parameters import decay, positive
from forecaster.strategies.weighted import average, gathered

Learned = slice | None
"""The part of the vector that is trained by gradient, None being all of it. The rest is statistics, of which the mean
over the devices is what is wanted: averaged as in FedAvg, for an optimizer would only make them lag or overshoot."""


def fedavgm(learning_rate: float = 1.0, momentum: float = 0.0, *, learned: Learned = None) -> Strategy:
    """FedAvg with momentum: ``optax.sgd``. State: ``momentum``, float32 [learned].

    Hsu et al. 2019, Measuring the Effects of Non-Identical Data Distribution for Federated Visual Classification,
    section 4.3. There the momentum is 0.9 and more; with Flower's default, 0, this is FedAvg.

    Raises:
        ValueError: ``learning_rate`` is not positive, or ``momentum`` not in [0, 1).
    """
    parameters = {"learning_rate": positive("learning_rate", learning_rate), "momentum": decay("momentum", momentum)}
    optimizer = optax.chain(optax.trace(momentum), optax.scale(-learning_rate))
    return _strategy("fedavgm", parameters, optimizer, ("momentum",), learned)


def fedadam(
    learning_rate: float = 0.1, b1: float = 0.9, b2: float = 0.99, tau: float = 1e-9, *, learned: Learned = None
) -> Strategy:
    """Adam on the server. State: ``mu`` and ``nu``, float32 [learned], and ``count`` of windows, float32 [].

    The step is corrected for the moments' start at 0 as in Kingma & Ba 2015, section 2, by Flower one window ahead.

    Raises:
        ValueError: as ``_adaptive``.
    """

    def step(count: jax.Array) -> jax.Array:
        ahead = count + 2  # Flower's rounds start at 1, to which it adds 1
        return -learning_rate * jnp.sqrt(1 - b2**ahead) / (1 - b1**ahead)

    parameters = _adaptive(learning_rate, b1, b2, tau)
    optimizer = optax.chain(scale_by_adam(b1, b2, tau), optax.scale_by_schedule(step))
    return _strategy("fedadam", parameters, optimizer, ("mu", "nu", "count"), learned)


def fedyogi(
    learning_rate: float = 0.01, b1: float = 0.9, b2: float = 0.99, tau: float = 1e-3, *, learned: Learned = None
) -> Strategy:
    """Yogi on the server, its step uncorrected as in Reddi et al. State: ``mu`` and ``nu``, float32 [learned].

    Raises:
        ValueError: as ``_adaptive``.
    """
    parameters = _adaptive(learning_rate, b1, b2, tau)
    optimizer = optax.chain(scale_by_yogi(b1, b2, tau), optax.scale(-learning_rate))
    return _strategy("fedyogi", parameters, optimizer, ("mu", "nu"), learned)


def _adaptive(learning_rate: float, b1: float, b2: float, tau: float) -> dict[str, float]:
    """The parameters of Adam and Yogi.

    Raises:
        ValueError: ``learning_rate`` or ``tau`` is not positive, without which a weight that nobody moves is 0 / 0, or
            ``b1`` or ``b2`` not in [0, 1).
    """
    positives = {"learning_rate": positive("learning_rate", learning_rate), "tau": positive("tau", tau)}
    return positives | {"b1": decay("b1", b1), "b2": decay("b2", b2)}


def _strategy(
    name: str,
    parameters: dict[str, float],
    optimizer: optax.GradientTransformation,
    names: tuple[str, ...],
    learned: Learned,
) -> Strategy:
    """An optimizer as a strategy, the leaves of its state called ``names``.

    It is not compiled as a whole: operation by operation there is nothing that XLA could fuse in its own way on each
    kind of processor, so the bytes are the same everywhere.
    """
    place = slice(None) if learned is None else learned

    def init(parent: NDArray[np.float32]) -> State:
        return remembered(optimizer.init(jnp.asarray(parent[place])))

    def remembered(inner: optax.OptState) -> State:
        return {name: np.asarray(leaf, np.float32) for name, leaf in zip(names, jax.tree.leaves(inner), strict=True)}

    def finish(state: State, parent: NDArray[np.float32], part: Part) -> tuple[State, Aggregate]:
        aggregate = average(parent, part)
        if not aggregate.shares:
            return state, aggregate
        start = jnp.asarray(parent[place])
        leaves, tree = jax.tree.flatten(optimizer.init(start))
        kept = [jnp.asarray(state[name], leaf.dtype) for name, leaf in zip(names, leaves, strict=True)]
        steps, inner = optimizer.update(start - aggregate.weights[place], jax.tree.unflatten(tree, kept))
        weights = aggregate.weights.copy()
        weights[place] = optax.apply_updates(start, steps)
        return remembered(inner), aggregate._replace(weights=weights)

    return streaming(name, parameters, init, gathered, finish)
