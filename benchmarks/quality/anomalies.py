"""How well the detector finds faults whose place is known, and how often it cries wolf.

An *episode* is a run of bins with an alarm of any sensor, over gaps of up to two bins. A fault is *found* if there is
an alarm between its beginning and half an hour after its end; the delay is until the end of the first bin with one, for
a bin is judged when it has closed. An episode that touches no fault so widened is *false*. F1 over events counts found
faults and false episodes; F1 over points counts bins that a fault touches.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.faults import KINDS, Fault, Readings, injected
from benchmarks.quality.grids import binned
from forecaster import lockstep
from forecaster.config import Config
from forecaster.lockstep import Grid, Rounds

GRACE_BINS = 6
GAP_BINS = 2
TARGETS = {
    "temperature": ((0, "temperature"),),
    "humidity": ((1, "humidity"),),
    "both": ((0, "temperature"), (1, "humidity")),
}


class Rating(NamedTuple):
    """One row: faults of a kind in some sensors, as means over seeds; minutes; false episodes of a device in a day.

    What is not of one kind is of all: precision and F1 over events (``seeds``: of each seed), F1 over points.
    """

    detector: str
    faults_in: str
    kind: str
    recall: float
    median_delay_minutes: float
    event_precision: float
    event_f1: float
    seeds: tuple[float, ...]
    point_f1: float
    false_per_device_day: float
    clean_false_per_device_day: float


def alarms(config: Config, grid: Grid) -> NDArray[np.bool_]:
    """Where any sensor of a device has an alarm, bool [bins, devices], as the device says it on the stream."""
    _, outputs = lockstep.run(config, Rounds(), grid)
    return np.asarray(outputs.verdict.alarm.any(axis=2))


def episodes(alarm: NDArray[np.bool_]) -> list[tuple[int, int, int]]:
    """Device, first and last bin of every episode."""
    found = []
    for device in range(alarm.shape[1]):
        at = np.flatnonzero(alarm[:, device])
        parts = np.split(at, np.flatnonzero(np.diff(at) > GAP_BINS + 1) + 1)
        found += [(device, int(part[0]), int(part[-1])) for part in parts if len(part)]
    return found


class Score(NamedTuple):
    """Of one run: delays of each kind in minutes, NaN where not found; events, points; false episodes."""

    delays: dict[str, NDArray[np.float64]]
    event_precision: float
    event_f1: float
    point_f1: float
    false: int


def score(config: Config, grid: Grid, alarm: NDArray[np.bool_], faults: Sequence[Fault], begin: int) -> Score:
    """Hold alarms from bin ``begin`` on against the faults."""
    alarm = alarm & (np.arange(len(alarm)) + grid.first >= begin)[:, None]
    truth = np.zeros_like(alarm)
    found, false = episodes(alarm), set(episodes(alarm))
    delays: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for fault in faults:
        low, high = fault.begin // config.bin_ms - grid.first, -(-fault.end // config.bin_ms) - grid.first
        truth[low:high, fault.device] = True
        false -= {e for e in found if e[0] == fault.device and e[1] < high + GRACE_BINS and e[2] >= low}
        hits = np.flatnonzero(alarm[low : high + GRACE_BINS, fault.device])
        late = (low + hits[0] + grid.first + 1) * config.bin_ms - fault.begin if len(hits) else np.nan
        delays[fault.kind].append(late / 60_000)
    hit = sum(np.isfinite(part).sum() for part in delays.values())
    points = (alarm & truth & grid.present).sum()
    return Score(
        {kind: np.array(part) for kind, part in delays.items()},
        float(hit / max(hit + len(false), 1)),
        float(2 * hit / max(hit + len(false) + len(faults), 1)),
        float(2 * points / max(alarm.sum() + (truth & grid.present).sum(), 1)),
        len(false),
    )


Judge = Callable[[Grid], NDArray[np.bool_]]
"""Alarms of a grid, [bins, devices]."""


def ratings(
    config: Config, judges: Mapping[str, Judge], stream: Readings, clean: Grid, begin: int, seeds: Sequence[int]
) -> list[Rating]:
    """The table of a stream and its grid, scored from bin ``begin`` on, which is learned from as all others are."""
    days = (clean.first + len(clean.present) - begin) / config.day * clean.present.shape[1]
    calm = {name: score(config, clean, judge(clean), [], begin).false / days for name, judge in judges.items()}
    made = []
    for target, sensors in TARGETS.items():
        runs: dict[str, list[Score]] = {name: [] for name in judges}
        for seed in seeds:
            spoiled, faults = injected(stream, sensors, begin * config.bin_ms, seed)
            spoiled_grid = binned(config, spoiled)
            for name, judge in judges.items():
                runs[name].append(score(config, spoiled_grid, judge(spoiled_grid), faults, begin))
        for name, scores in runs.items():
            made += [_rating(name, target, kind, scores, days, calm[name]) for kind in KINDS]
    return made


def _rating(name: str, target: str, kind: str, runs: Sequence[Score], days: float, calm: float) -> Rating:
    delays = np.concatenate([run.delays[kind] for run in runs])
    found = np.isfinite(delays)
    parts = ("event_precision", "event_f1", "point_f1", "false")
    precision, event_f1, point_f1, false = (float(np.mean([getattr(run, part) for run in runs])) for part in parts)
    late = float(np.median(np.where(found, delays, np.inf)))
    seeds = tuple(run.event_f1 for run in runs)
    recall = float(found.mean())
    return Rating(name, target, kind, recall, late, precision, event_f1, seeds, point_f1, false / days, calm)
