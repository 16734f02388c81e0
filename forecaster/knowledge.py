"""What devices share: the part of a learner that travels in local updates and global models."""

from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax.serialization import from_state_dict, to_state_dict
from flax.traverse_util import flatten_dict, unflatten_dict

from forecaster import climatology, features, linear, network
from forecaster.anomalies import detector
from forecaster.anomalies.detector import Shared
from forecaster.climatology import Climatology
from forecaster.config import SCALES, Config
from forecaster.network import Params


class Knowledge(NamedTuple):
    """One device's, or as the mean of many, the fleet's; a tree of float32 arrays.

    Attributes:
        network: parameters of the network.
        linear: weights of the linear model, [horizons, size + 1, sensors].
        climatology: usual moves by time of day.
        anomalies: how large what speaks against a bin usually is, and how often it is larger.
    """

    network: Params
    linear: jax.Array
    climatology: Climatology
    anomalies: Shared


class Moves(NamedTuple):
    """What the models say, in units of ``SCALES`` or, as values, in the sensors' units; [..., horizons, sensors]."""

    combined: jax.Array
    network: jax.Array
    linear: jax.Array
    usual: jax.Array


@lru_cache(maxsize=8)
def initial(config: Config) -> Knowledge:
    """Version 0: what every device starts from, a function of the configuration alone."""
    with jax.ensure_compile_time_eval():
        start = Knowledge(
            network.initial(config), linear.initial(config), climatology.empty(config), detector.nothing()
        )
        return jax.tree.map(np.asarray, start)


def moves(config: Config, params: Params, weights: jax.Array, vector: jax.Array) -> Moves:
    """Forecast moves from features [..., size]: the network's, the linear model's, and their mean, the forecast."""
    deep = network.moves(config, params, vector)
    straight = linear.moves(config, weights, vector)
    return Moves((deep + straight) / 2, deep, straight, features.usual(config, vector))


def forecast(config: Config, known: Knowledge, observed: jax.Array, number: jax.Array, level: jax.Array) -> jax.Array:
    """What ``known`` alone forecasts for a device that has seen ``observed`` at bin ``number``.

    Args:
        config: static.
        known: say, the fleet's.
        observed: float32 [observed_size], of ``features.observe``.
        number: int32 [], of the bin.
        level: float32 [sensors], the bin's values; °C, %RH, lux, V.

    Returns:
        Float32 [horizons, sensors]; NaN where the level is NaN.
    """
    vector = features.complete(config, observed, number, known.climatology)
    return values(moves(config, known.network, known.linear, vector).combined, level)


def values(scaled: jax.Array, level: jax.Array) -> jax.Array:
    """Moves [..., horizons, sensors] as values in the sensors' units; NaN where the level [..., sensors] is NaN."""
    return level[..., None, :] + scaled * jnp.asarray(SCALES)


def named(known: Knowledge) -> dict[str, jax.Array]:
    """The arrays by their path with ``/``, in the order of their names."""
    arrays = flatten_dict(to_state_dict(known), sep="/")
    return {name: arrays[name] for name in sorted(arrays)}


def flat(known: Knowledge) -> jax.Array:
    """All numbers as one vector, float32 [length], array by array as ``named``."""
    return jnp.concatenate([jnp.ravel(array) for array in named(known).values()])


def unflattened(config: Config, numbers: jax.Array) -> Knowledge:
    """What ``flat`` made a vector."""
    start = named(initial(config))
    arrays = {name: numbers[part].reshape(start[name].shape) for name, part in zip(start, parts(config), strict=True)}
    known: Knowledge = from_state_dict(initial(config), unflatten_dict(arrays, sep="/"))
    return known


@lru_cache(maxsize=8)
def parts(config: Config) -> tuple[slice, ...]:
    """Where each array lies in the vector: numbers of one kind and scale."""
    ends = np.cumsum([array.size for array in named(initial(config)).values()]).tolist()
    return tuple(slice(begin, end) for begin, end in pairwise([0, *ends]))


@lru_cache(maxsize=8)
def length(config: Config) -> int:
    """How many numbers there are."""
    return sum(array.size for array in named(initial(config)).values())


@lru_cache(maxsize=8)
def learned(config: Config) -> slice:
    """Where the network lies in the vector: what is trained by gradient; all else is counted or solved for."""
    arrays = named(initial(config))
    before = sum(array.size for name, array in arrays.items() if name < "network/")
    return slice(before, before + sum(array.size for name, array in arrays.items() if name.startswith("network/")))


@lru_cache(maxsize=8)
def architecture(config: Config) -> str:
    """Fingerprint of what must be equal for two devices' knowledge to be averaged."""
    horizons, sensors = config.outputs
    minutes = ".".join(str(ms // 60_000) for ms in config.horizons_ms)
    layers = f"{features.size(config)}-{config.width}-{config.width}-{horizons * sensors}"
    return f"tanh-{layers}+linear+climatology+anomalies/bin{config.bin_ms // 1000}s/h{minutes}"
