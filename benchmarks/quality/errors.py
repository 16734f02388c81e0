"""Absolute errors of forecasts on a grid, and what is said of them."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from forecaster.config import SENSORS, Config
from forecaster.lockstep import Grid

RESAMPLES = 1000
BLOCK_MS = 7_200_000
"""Two hours: what is resampled together, since errors near in time are alike, and the devices' in one building too."""

Errors = NDArray[np.float64]
"""Float64 [bins, devices, horizons, sensors], by the bin that is forecast; NaN where there is no label."""


def absolute(config: Config, grid: Grid, forecasts: NDArray[np.float32]) -> Errors:
    """Of forecasts [bins, devices, horizons, sensors], by the bin at which they were made, in the sensors' units."""
    errors = np.full(forecasts.shape, np.nan)
    for h, ahead in enumerate(config.horizons):
        off = forecasts[:-ahead, :, h].astype(np.float64) - grid.values[ahead:]
        errors[ahead:, :, h] = np.abs(off)
    return errors


def within(grid: Grid, errors: Errors, begin: int, end: int | None = None) -> Errors:
    """The part whose target is bin ``begin`` or later, and before ``end``."""
    return errors[max(begin - grid.first, 0) : None if end is None else end - grid.first]


class Interval(NamedTuple):
    """A 95 % block-bootstrap interval (Künsch 1989)."""

    low: float
    high: float


def ratio(errors: Errors, baseline: Errors) -> float:
    """Mean absolute error over the baseline's, on the labels of both."""
    known = np.isfinite(errors) & np.isfinite(baseline)
    return float(errors[known].sum() / baseline[known].sum()) if known.any() else float("nan")


def interval(config: Config, errors: Errors, baseline: Errors, seed: int = 0) -> Interval:
    """Of the ratio of two errors [bins, devices], over blocks of time drawn with replacement."""
    known = np.isfinite(errors) & np.isfinite(baseline)
    bins = BLOCK_MS // config.bin_ms
    starts = np.arange(0, len(errors), bins)
    sums = np.array([np.add.reduceat(np.where(known, part, 0).sum(axis=1), starts) for part in (errors, baseline)])
    draws = np.random.default_rng(seed).integers(0, len(starts), (RESAMPLES, len(starts)))
    drawn = sums[:, draws].sum(axis=2)
    low, high = np.nanquantile(drawn[0] / np.where(drawn[1] > 0, drawn[1], np.nan), [0.025, 0.975])
    return Interval(float(low), float(high))


class Cell(NamedTuple):
    """A predictor's errors for one sensor and horizon; errors in the sensor's unit.

    Attributes:
        predictor, sensor, horizon_minutes: which.
        mae: mean absolute error.
        over_persistence: the same over persistence's.
        low, high: bootstrap interval of that.
        seeds: ``mae`` for each seed, the first being the one above.
        labels: forecasts whose time came.
        worst_device, worst_mae: where it is worst.
        wins: devices on which no other predictor of the table is better.
    """

    predictor: str
    sensor: str
    horizon_minutes: int
    mae: float
    over_persistence: float
    low: float
    high: float
    seeds: tuple[float, ...]
    labels: int
    worst_device: str
    worst_mae: float
    wins: int


def table(config: Config, names: tuple[str, ...], predictors: dict[str, list[Errors]]) -> list[Cell]:
    """Every predictor's cells; ``predictors`` has one ``Errors`` for each seed, ``persistence`` among them."""
    stays = predictors["persistence"][0]
    by_device = {name: _by_device(runs[0]) for name, runs in predictors.items()}
    best = np.fmin.reduce(list(by_device.values()))
    cells = []
    for name, runs in predictors.items():
        wins = (by_device[name] <= best).sum(axis=0)
        for s, sensor in enumerate(SENSORS):
            for h, horizon_ms in enumerate(config.horizons_ms):
                part, base = runs[0][:, :, h, s], stays[:, :, h, s]
                if not np.isfinite(part).any():
                    continue
                devices = by_device[name][:, h, s]
                worst = int(np.nanargmax(devices))
                cells.append(
                    Cell(
                        *(name, sensor, horizon_ms // 60_000, float(np.nanmean(part)), ratio(part, base)),
                        *interval(config, part, base),
                        tuple(float(np.nanmean(run[:, :, h, s])) for run in runs),
                        int(np.isfinite(part).sum()),
                        names[worst],
                        float(devices[worst]),
                        int(wins[h, s]),
                    )
                )
    return cells


def _by_device(errors: Errors) -> NDArray[np.float64]:
    """Means [devices, horizons, sensors], NaN for a device without labels."""
    counts = np.isfinite(errors).sum(axis=0)
    return np.where(counts, np.nansum(errors, axis=0) / np.maximum(counts, 1), np.nan)
