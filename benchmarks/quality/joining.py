"""Devices that join a running fleet with no past: what federation is worth to them."""

from collections.abc import Iterator

import numpy as np

from benchmarks.quality.errors import Errors, absolute, within
from benchmarks.quality.grids import joining
from benchmarks.quality.predictors import ALONE, LEARNED, learned, persistence
from forecaster.config import Config
from forecaster.lockstep import Grid

TOGETHER = 5
"""Devices that join at a time."""
YOUNG_MS = 6 * 3_600_000


def days(config: Config, grid: Grid, begin: int) -> list[int]:
    """The first bins of the whole days from bin ``begin`` on that have a day before them."""
    end = grid.first + len(grid.values)
    midnight = -(-max(begin, grid.first + config.day) // config.day) * config.day
    return [bin_ for bin_ in range(midnight, end, config.day) if end - bin_ >= config.day // 2]


def groups(grid: Grid, seed: int) -> list[list[int]]:
    """Every device in one of the groups that join together, by lot."""
    order = np.random.default_rng(seed).permutation(grid.present.shape[1])
    return [order[i : i + TOGETHER].tolist() for i in range(0, len(order), TOGETHER)]


def errors(config: Config, grid: Grid, day: int, seed: int) -> Iterator[dict[str, Errors]]:
    """For each group, its members' errors over the day on which they join, together with the others and alone."""
    end = day + config.day
    stays = absolute(config, grid, persistence(config, grid))
    apart = joining(grid, list(range(grid.present.shape[1])), day)
    alone = {name: absolute(config, grid, made) for name, made in learned(config, apart, federated=False).items()}
    for group in groups(grid, seed):
        made = learned(config, joining(grid, group, day))
        found = {name: absolute(config, grid, made[name]) for name in LEARNED} | {name: alone[name] for name in ALONE}
        # Alone or not, a label counts where the joined device has made the forecast itself.
        known = np.isfinite(found[LEARNED[0]])
        found["persistence"] = np.where(known, stays, np.nan)
        yield {name: within(grid, part, day, end)[:, group] for name, part in found.items()}


def together(config: Config, grid: Grid, begin: int, seed: int) -> dict[str, Errors]:
    """All groups and days of ``errors`` side by side: [bins of a day, devices x days, horizons, sensors]."""
    parts: dict[str, list[Errors]] = {}
    for day in days(config, grid, begin):
        for group in errors(config, grid, day, seed):
            for name, part in group.items():
                padded = np.full((config.day, *part.shape[1:]), np.nan)
                padded[: len(part)] = part
                parts.setdefault(name, []).append(padded)
    return {name: np.concatenate(some, axis=1) for name, some in parts.items()}


def young(config: Config, joined: dict[str, Errors]) -> dict[str, Errors]:
    """Of ``together``, the first six hours."""
    return {name: part[: YOUNG_MS // config.bin_ms] for name, part in joined.items()}
