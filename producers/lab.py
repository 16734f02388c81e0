"""The climate of an invented lab: 54 motes in 40 m by 30 m, sun on one side, people in office hours."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

MOTES = 54
EPOCH = 31  # seconds
DAY = 86_400  # seconds
WIDTH, DEPTH = 40.0, 30.0  # metres
_Floats = npt.NDArray[np.float64]
_REACH = 8.0  # metres over which warmth is shared
_SPOTS = 8  # sources of slow variation, spread over the lab


class Climate(NamedTuple):
    """What there is to measure, each (motes, epochs): °C, %RH, lux."""

    temperature: _Floats
    humidity: _Floats
    light: _Floats


def positions(seed: int) -> _Floats:
    """(54, 2) metres: a jittered grid."""
    rng = np.random.default_rng([seed, 0])
    grid = np.stack(np.meshgrid(np.arange(9), np.arange(6), indexing="ij"), axis=-1).reshape(MOTES, 2)
    return (grid + rng.uniform(0.15, 0.85, grid.shape)) * (WIDTH / 9, DEPTH / 6)


def climate(seed: int, seconds: _Floats) -> Climate:
    """The climate at every mote.

    Args:
        seed: of the weather, the spots and the motes' places.
        seconds: (epochs,) since midnight of a Monday, rising.
    """
    rng = np.random.default_rng([seed, 1])
    where = positions(seed)
    hour = seconds % DAY / 3600
    sun = np.clip(np.sin(np.pi * (hour - 6.5) / 12), 0, None)
    weekday = seconds // DAY % 7 < 5
    people = weekday / (1 + np.exp(-(hour - 8.5) * 3)) / (1 + np.exp((hour - 18) * 2))

    spots = rng.uniform((0, 0), (WIDTH, DEPTH), (_SPOTS, 2))
    distance = np.linalg.norm(where[:, None] - spots, axis=-1)
    shared = np.exp(-((distance / _REACH) ** 2) / 2)  # (motes, spots)
    warmth = np.stack([_slow(rng, seconds, 4.0) for _ in range(_SPOTS)])
    window = np.exp(-where[:, 0] / 10.0)[:, None]  # 1 at the sunny wall
    cloud = np.clip(0.75 + 0.3 * _slow(rng, seconds, 1.0), 0.1, 1.0)
    late = np.clip(np.sin(np.pi * (hour - 8.5) / 13), 0, None)  # warmth follows the sun by two hours

    temperature = (
        20.0
        + 2.2 * np.sin(2 * np.pi * (hour - 9) / 24)
        + 1.2 * people
        + 6.0 * window * late * cloud
        + 0.8 * shared @ warmth
        + rng.normal(0, 0.4, (MOTES, 1))
    )
    moisture = 40.0 + 3.0 * _slow(rng, seconds, 12.0)
    humidity = np.clip(moisture - 1.5 * (temperature - 21) + rng.normal(0, 0.8, (MOTES, 1)), 5, 95)
    lamps = rng.uniform(120, 420, (MOTES, 1)) * (people > 0.4)
    light = np.clip(3 + lamps + 1600 * window * sun * cloud, 0, 1800)
    return Climate(temperature, humidity, light)


def _slow(rng: np.random.Generator, seconds: _Floats, hours: float) -> _Floats:
    """(epochs,) a wandering quantity of unit size that forgets itself within some hours."""
    knots = int(seconds[-1] / 3600 / hours) + 3 if len(seconds) else 3
    return np.interp(seconds / 3600 / hours, np.arange(knots), rng.normal(0, 1, knots))
