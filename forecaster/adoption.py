"""How a device takes up the fleet's knowledge, and when."""

from collections.abc import Mapping

import jax
import numpy as np
from numpy.typing import NDArray

from forecaster.config import Config
from forecaster.knowledge import Knowledge
from forecaster.online import Learner


def due(config: Config, window_ends: Mapping[int, int], adopted: int, moments: NDArray[np.int64]) -> NDArray[np.int64]:
    """The version a device stands on at each of the ``moments``, int64 [n].

    Args:
        config: its ``adoption_delay_ms`` lies between a window's end and its model's adoption.
        window_ends: version to the end of its window, ms of event time.
        adopted: the version it stood on before; it never goes back.
        moments: int64 [n], ends of its bins in order, ms of event time.
    """
    known = sorted((end + config.adoption_delay_ms, version) for version, end in window_ends.items())
    ripe = np.searchsorted(np.array([moment for moment, _ in known], np.int64), moments, side="right")
    newest = np.maximum.accumulate(np.array([adopted, *(version for _, version in known)], np.int64))
    return np.maximum.accumulate(newest[ripe])


def adopt(config: Config, learner: Learner, fleet: Knowledge) -> Learner:
    """The device with the fleet's knowledge at hand, and its network moved toward the fleet's by ``config.blend``.

    Its linear model stays its own: that one is exact in what the device has seen.
    """
    blended = jax.tree.map(lambda own, theirs: own + config.blend * (theirs - own), learner.params, fleet.network)
    return learner._replace(params=blended, fleet=fleet)
