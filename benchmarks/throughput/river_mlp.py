"""The baseline from the river: its MLP regressor, one for each device, bin after bin in one process.

It is given less to do than a Fedlog device has: three past levels of each sensor as features, no usual moves, no
replays, no linear model, no alarms. As on the stream it forecasts every sensor at every horizon; it learns once a bin,
from the example whose last label has come, since it cannot do without some of them.
"""

import tempfile
import time
from pathlib import Path

import numpy as np
from river import optim
from river.neural_net import MLPRegressor
from river.neural_net.activations import Identity, ReLU

from benchmarks.quality.grids import grid
from forecaster.config import SCALES, SENSORS, Config
from forecaster.lockstep import Grid
from producers.dataset import prepare

BINS = 1500
"""Closed bins after which the rate is taken: it does not change, and is low."""
RATE = 1e-3


def run(data: Path) -> float:
    """Readings a second, binning left out."""
    config = Config()
    with tempfile.TemporaryDirectory(prefix="fedlog-bench-") as cache:
        fleet = grid(config, prepare(data, data.name, Path(cache))).grid
    counts = np.asarray(fleet.summary.counts).max(axis=2)
    models = [_model(config) for _ in range(counts.shape[1])]
    readings = done = 0
    begin = time.perf_counter()
    for at in range(config.span, len(counts)):
        for device in np.flatnonzero(fleet.present[at]).tolist():
            _step(config, fleet, models[device], at, device)
            readings, done = readings + int(counts[at, device]), done + 1
        if done >= BINS:
            break
    return readings / (time.perf_counter() - begin)


def _model(config: Config) -> MLPRegressor:
    hidden = (config.width, config.width)
    return MLPRegressor(hidden, (ReLU, ReLU, ReLU, Identity), optimizer=optim.Adam(RATE), seed=config.seed)


def _step(config: Config, fleet: Grid, model: MLPRegressor, at: int, device: int) -> None:
    """Learn from the example that bin ``at`` completes, then forecast from it."""
    levels = np.nan_to_num(fleet.values[:, device] / np.asarray(SCALES))
    made = at - config.horizons[-1]
    labels = {
        f"{sensor}/{ahead}": float(levels[made + ahead, s] - levels[made, s])
        for s, sensor in enumerate(SENSORS)
        for ahead in config.horizons
    }
    model.learn_one(_features(config, levels, made), labels)
    model.predict_one(_features(config, levels, at))


def _features(config: Config, levels: np.ndarray, at: int) -> dict[str, float]:  # type: ignore[type-arg]
    """Moves to the bin from those a bin, half an hour and an hour before."""
    backs = (1, config.half_hour, 2 * config.half_hour)
    return {f"{s}/{back}": float(levels[at, s] - levels[max(at - back, 0), s]) for back in backs for s in range(4)}
