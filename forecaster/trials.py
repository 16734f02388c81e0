"""How global models are judged before devices stand on them: on what a device measures next, beside the champion.

A device knows three: the champion, which it stands on; the newest candidate for its place; and the fallback, to be gone
back to. Whenever a label comes, each of them says what it alone would have forecast, from the features that the device
had then. Candidates have learned from no label that they are judged on: they are told of when their window is over.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from forecaster import features, knowledge
from forecaster.config import SCALES, Config
from forecaster.knowledge import Knowledge

NONE = -1
"""The version of a model that there is not."""
OPEN = 48
"""Candidates that wait to be judged: where more come, for devices hear of them late, the oldest never is."""
LARGEST = 1e9
"""Error of any sensor in its unit that is told: what is larger is as bad, and a mean over many stays finite."""
FLOOR = 0.05
"""Of a usual half-hour move (``SCALES``): a difference that is small beside it counts for little."""


class Panel(NamedTuple):
    """The versions that are judged; ``NONE`` where there is none. The first is what the others are held against."""

    champion: int
    candidate: int = NONE
    fallback: int = NONE


RIVALS = len(Panel._fields) - 1


def forecasts(
    config: Config, models: Knowledge, inputs: jax.Array, usual: jax.Array, number: jax.Array, level: jax.Array
) -> jax.Array:
    """What each model alone would have forecast for bin ``number``.

    Args:
        config: static.
        models: [n, ...]; one that is NaN forecasts NaN.
        inputs: float32 [horizons, size], the device's features when the bin was each horizon ahead.
        usual: float32 [horizons, horizons * sensors], its own usual moves then.
        number: int32 [], of the bin.
        level: float32 [horizons, sensors], its values then; °C, %RH, lux, V.

    Returns:
        Float32 [n, horizons, sensors], in the sensors' units.
    """
    horizons = jnp.asarray(config.horizons)
    own = jnp.arange(len(config.horizons))

    def one(model: Knowledge) -> jax.Array:
        vectors = jax.vmap(
            lambda vector, known, h: features.retold(config, vector, known, number - h, model.climatology)
        )(inputs, usual, horizons)
        moves = knowledge.moves(config, model.network, model.linear, vectors).combined
        return knowledge.values(moves[own, own][:, None], level)[:, 0]

    return jax.vmap(one)(models)


def ratio(errors: Any, beside: Any, counts: Any) -> Any:
    """Of a model's errors to another's: the geometric mean over horizons and sensors (Fleming and Wallace 1986).

    That of arithmetic means would be the ratio in whichever sensor swings most.

    Args:
        errors: mean absolute errors [..., horizons, sensors], in the sensors' units.
        beside: the other's, of the same labels.
        counts: labels; where there is none, an error does not count.

    Returns:
        [...], above 1 where the model is the worse; NaN without labels.
    """
    xp = counts.__array_namespace__()
    floor = FLOOR * xp.asarray(SCALES, dtype=errors.dtype)
    known = counts > 0
    logs = xp.where(known, xp.log((xp.where(known, errors, 0) + floor) / (xp.where(known, beside, 0) + floor)), 0)
    cells = known.sum(axis=(-2, -1))
    return xp.exp(xp.where(cells > 0, logs.sum(axis=(-2, -1)) / xp.maximum(cells, 1), xp.nan))
