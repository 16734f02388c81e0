"""How a device takes up the fleet's knowledge, and when."""

from collections.abc import Mapping

import jax

from forecaster.config import Config
from forecaster.knowledge import Knowledge
from forecaster.online import Learner


def due(config: Config, window_ends: Mapping[int, int], adopted: int, moment: int) -> int | None:
    """The newest version a device should take up at ``moment``, or ``None`` where it has it already.

    Args:
        config: its ``adoption_delay_ms`` lies between a window's end and its model's adoption.
        window_ends: version to the end of its window, ms of event time.
        adopted: the version the device stands on.
        moment: end of the device's bin, ms of event time.
    """
    ripe = [v for v, end in window_ends.items() if v > adopted and end + config.adoption_delay_ms <= moment]
    return max(ripe, default=None)


def adopt(config: Config, learner: Learner, fleet: Knowledge) -> Learner:
    """The device with the fleet's climatology, and its network moved toward the fleet's by ``config.blend``.

    Its linear model stays its own: that one is exact in what the device has seen.
    """
    blended = jax.tree.map(lambda own, theirs: own + config.blend * (theirs - own), learner.params, fleet.network)
    return learner._replace(params=blended, fleet=fleet.climatology)
