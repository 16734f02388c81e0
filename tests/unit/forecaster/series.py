"""Configurations and series of bins for the learning core's tests."""

import numpy as np

from forecaster.anomalies import evidence
from forecaster.bins import Summary
from forecaster.config import Config

TINY = Config(horizons=(1, 2, 4), width=5, memory=8, replays=3, update_bins=2, learning_rate=5e-3, linear_prior=0.1)
"""Small enough to compile fast, to wrap its memory soon and to send many updates."""
DAILY = Config(bin_ms=1_800_000, horizons=(1, 2, 4), width=8, memory=96, replays=4, learning_rate=5e-3)
"""Half-hour bins, 48 a day."""
START = 3_594_672
"""A five-minute bin in March 2004."""
READINGS = 6
"""Of a device in a bin of ``air``."""


def random_walk(seed, bins, missing=0.0):
    """float64 [bins, 4]: four sensors around their usual levels, some measurements missing."""
    random = np.random.default_rng(seed)
    steps = random.normal(0, [0.3, 0.5, 20, 0.005], (bins, 4))
    values = np.array([20.0, 40.0, 300.0, 2.6]) + steps.cumsum(0)
    values[random.random((bins, 4)) < missing] = np.nan
    return values.astype(np.float32).astype(np.float64)


def daily_sine(days, bins_a_day=48):
    """float64 [bins, 4]: every sensor a clean daily sine."""
    phase = 2 * np.pi * np.arange(days * bins_a_day) / bins_a_day
    return np.stack(
        [20 + 4 * np.sin(phase), 40 - 8 * np.sin(phase), 300 + 300 * np.cos(phase), 2.6 + 0.04 * np.sin(phase)], 1
    )


def single(values):
    """Summary of bins with one reading each, values [..., sensors]."""
    level = np.asarray(values, np.float32)
    return Summary(np.isfinite(level).astype(np.int32), level, level, level, level * 0)


def air(seed, days=4, noise=0.02):
    """float64 [bins, readings, 2]: °C and %RH over days; air that warms by day, its vapour nearly steady."""
    random = np.random.default_rng(seed)
    moments = np.arange(days * 288 * READINGS) / READINGS / 288
    warm = 21 + 2 * np.sin(2 * np.pi * moments) + noise * random.standard_t(3, len(moments))
    vapour = 2.2 + 0.02 * np.sin(2 * np.pi * moments / 3)
    magnus = evidence.BUFFERING * evidence.MAGNUS_A * warm / (warm + evidence.MAGNUS_B)
    wet = np.exp(vapour - magnus + 2.3 + 0.001 * random.standard_t(3, len(moments)))
    return np.stack([warm, wet], axis=1).reshape(days * 288, READINGS, 2)
