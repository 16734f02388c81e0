"""Readings of a device and models for the evaluators' tests."""

import jax
import numpy as np
from numpy.typing import NDArray

from forecaster import course
from forecaster.binning import Columns
from forecaster.config import Config
from forecaster.knowledge import Knowledge, initial

CONFIG = Config()
START = 1_078_000_000_000 // CONFIG.bin_ms * CONFIG.bin_ms
DEVICE = "mote-01"


def moved(by: float) -> Knowledge:
    """The initial knowledge, every number a little off."""
    return jax.tree.map(lambda weights: np.asarray(weights + np.float32(by)), initial(CONFIG))


MODELS = {version: moved(by) for version, by in enumerate((0.0, 0.01, -0.02, 0.005))}


def numbers(version: int) -> NDArray[np.float32]:
    """Of one of ``MODELS``."""
    return course.numbers(MODELS[version])


def readings(bins: int) -> Columns:
    """Two in a bin, an hour's silence, a bin without temperature."""
    places = [i for i in range(bins) if not 20 <= i < 32]
    minutes = np.array([5 * i + k for i in places for k in (1, 3)])
    warm = 20 + 3 * np.sin(minutes / 150)
    warm[np.isin(minutes // 5, [40])] = np.nan
    values = np.stack([warm, np.full_like(warm, 40.0), 100.0 + minutes, np.full_like(warm, 2.6)], axis=1)
    return Columns(START + minutes * 60_000, values, np.arange(len(minutes)))


def part(columns: Columns, begin: int, end: int) -> Columns:
    """Some of them."""
    return Columns(*(column[begin:end] for column in columns))
