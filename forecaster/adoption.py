"""How a device takes up the fleet's knowledge, and when."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from forecaster import network
from forecaster.config import Config
from forecaster.knowledge import Knowledge
from forecaster.online import Learner

POLICIES = ("blend", "replace", "body", "proximal")


def due(config: Config, window_ends: Mapping[int, int], followed: int, moments: NDArray[np.int64]) -> NDArray[np.int64]:
    """The version whose word a device follows at each of the ``moments``, int64 [n].

    Args:
        config: its ``adoption_delay_ms`` lies between a window's end and that.
        window_ends: version to the end of its window, ms of event time.
        followed: the version it followed before; it never goes back.
        moments: int64 [n], ends of its bins in order, ms of event time.
    """
    known = sorted((end + config.adoption_delay_ms, version) for version, end in window_ends.items())
    ripe = np.searchsorted(np.array([moment for moment, _ in known], np.int64), moments, side="right")
    newest = np.maximum.accumulate(np.array([followed, *(version for _, version in known)], np.int64))
    return np.maximum.accumulate(newest[ripe])


def adopt(config: Config, learner: Learner, fleet: Knowledge) -> Learner:
    """The device with the fleet's knowledge at hand, and its network where ``config.adoption`` puts it.

    - ``blend``: moved toward the fleet's by ``share``.
    - ``replace``: the fleet's.
    - ``body``: its hidden layers moved so, its last layer left its own (FedPer, Arivazhagan et al. 2019).
    - ``proximal``: left where it is; every later step is drawn toward the fleet's (``online``).

    Its linear model stays its own: that one is exact in what the device has seen.

    Raises:
        ValueError: another policy.
    """
    if config.adoption not in POLICIES:
        raise ValueError(f"adoption {config.adoption!r} is none of {', '.join(POLICIES)}")
    toward = {"replace": 1.0, "proximal": 0.0}.get(config.adoption, share(config, learner))
    params = jax.tree.map(lambda own, theirs: own + toward * (theirs - own), learner.params, fleet.network)
    if config.adoption == "body":
        layers = params["params"] | {network.LAST: learner.params["params"][network.LAST]}
        params = params | {"params": layers}
    return learner._replace(params=params, fleet=fleet)


def share(config: Config, learner: Learner) -> jax.Array:
    """How far a device moves toward the fleet: all the way without examples, ``config.blend`` with many."""
    examples = jnp.asarray(learner.memory.stored, jnp.float32)
    return config.blend + (1 - config.blend) * config.youth / (config.youth + examples)
