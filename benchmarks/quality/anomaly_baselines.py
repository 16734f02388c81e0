"""What the detector is held against: scores with a threshold that comes from the last day before the scored ones.

That day has no faults; the detector too knows only the past. Earlier days are left out: there the scores still warm up.
"""

from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from river.anomaly import HalfSpaceTrees

from benchmarks.quality.anomalies import Judge, episodes
from forecaster import lockstep
from forecaster.config import SCALES, Config
from forecaster.lockstep import Grid, Rounds

DECAY, WARM_UP, FLOOR = 0.99, 24, 0.1
"""Of a usual error: what it keeps from bin to bin, errors before it means anything, and the least, of ``SCALES``."""
TREES, HEIGHT = 25, 8
RANGES: dict[Hashable, tuple[float, float]] = {
    "temperature": (0.0, 50.0),
    "humidity": (0.0, 100.0),
    "warmer": (-5.0, 5.0),
    "wetter": (-10.0, 10.0),
}
"""°C and %RH, and their changes since the bin before: the trees cut the middle of each range first."""


def residual(config: Config, grid: Grid) -> NDArray[np.float64]:
    """How far a bin is from what its device forecast half an hour before, over the usual error; [bins, devices]."""
    _, outputs = lockstep.run(config, Rounds(), grid)
    return over_usual(np.abs(outputs.scored[:, :, 0] - grid.values) / np.asarray(SCALES))


def over_usual(sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """The largest of a device's errors [bins, devices, sensors], in units of ``SCALES``, over its usual one.

    That is an exponentially weighted mean, in which an error counts as no more than three usual ones.
    """
    scores, usual, seen = np.full(sizes.shape[:2], np.nan), np.zeros(sizes.shape[1:]), np.zeros(sizes.shape[1:])
    for at, size in enumerate(sizes):
        known, warm, level = np.isfinite(size), seen >= WARM_UP, np.maximum(usual, FLOOR)
        scores[at] = np.fmax.reduce(np.where(known & warm, size / level, np.nan), axis=1)
        learned = np.where(warm, np.minimum(size, 3 * level), size)
        usual = np.where(known, usual + np.maximum(1 - DECAY, 1 / (seen + 1)) * (learned - usual), usual)
        seen = seen + known
    return scores


def half_space_trees(config: Config, grid: Grid) -> NDArray[np.float32]:
    """Half-Space Trees of River, a forest for each device (Tan, Ting & Liu 2011); [bins, devices]."""
    mean = np.asarray(grid.summary.mean)
    scores = np.full(grid.present.shape, np.nan, np.float32)
    for device in range(scores.shape[1]):
        forest = HalfSpaceTrees(TREES, HEIGHT, window_size=config.day, limits=RANGES, seed=config.seed)
        last = None
        for at in np.flatnonzero(np.isfinite(mean[:, device, :2]).all(axis=1)).tolist():
            temperature, humidity = mean[at, device, :2].tolist()
            warmer, wetter = (temperature - last[0], humidity - last[1]) if last else (0.0, 0.0)
            last = temperature, humidity
            x = {"temperature": temperature, "humidity": humidity, "warmer": warmer, "wetter": wetter}
            scores[at, device] = forest.score_one(x)
            forest.learn_one(x)
    return scores


def judge(
    config: Config, scores: Callable[[Config, Grid], NDArray[Any]], clean: Grid, begin: int, rate: float
) -> Judge:
    """An alarm where the score is above the threshold of ``rate`` false alarms of a device in a day."""
    level = threshold(config, clean, scores(config, clean), begin, rate)
    return lambda grid: scores(config, grid) > level


def threshold(config: Config, clean: Grid, scores: NDArray[Any], begin: int, false_alarms: float) -> float:
    """The lowest score that gives no more false episodes of a device in a day, over the day before bin ``begin``."""
    end = begin - clean.first
    past = scores[max(end - config.day, 0) : end]
    days = len(past) / config.day * past.shape[1]
    # The largest of the past is among them, above which nothing was.
    candidates = np.unique(np.nanquantile(past, 1 - np.append(np.geomspace(1e-5, 0.1, 60), 0)))
    allowed = [level for level in candidates if len(episodes(past > level)) / days <= false_alarms]
    return float(min(allowed, default=np.inf))
