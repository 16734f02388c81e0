"""How well the detector finds faults whose place is known, and how often it cries wolf.

An *episode* is a run of bins with an alarm of any sensor, over gaps of up to two bins. A fault is *found* if there is
an alarm between its beginning and half an hour after its end; the delay is until the end of the first bin with one, for
a bin is judged when it has closed. An episode that touches no fault so widened is *false*. F1 over events counts found
faults and false episodes; F1 over points counts bins that a fault touches.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.faults import KINDS, Fault, Readings, injected
from forecaster.anomalies import detector
from forecaster.anomalies.detector import Detection, Shared
from forecaster.anomalies.evidence import Summary
from forecaster.config import SENSORS, Config
from forecaster.lockstep import Rounds

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


class Fleet(NamedTuple):
    """A file's bins: number of the first, summaries with leading axes [bins, devices], and where there are any."""

    first: int
    summary: Summary
    present: NDArray[np.bool_]


def bins(config: Config, stream: Readings, like: Fleet | None = None) -> Fleet:
    """Summaries of the readings by bin and device; laid out ``like`` another fleet's, where given."""
    numbers = stream.event_times // config.bin_ms
    first = int(numbers.min()) if like is None else like.first
    shape = (int(numbers.max()) - first + 1, int(stream.devices.max()) + 1) if like is None else like.present.shape
    place = (numbers - first) * shape[1] + stream.devices
    parts = [_summary(place, stream.values[:, s], shape[0] * shape[1]) for s in range(len(SENSORS))]
    columns = (np.stack(part, axis=-1).reshape(*shape, len(SENSORS)) for part in zip(*parts, strict=True))
    counts, *floats = columns
    summary = Summary(counts.astype(np.int32), *(part.astype(np.float32) for part in floats))  # type: ignore[arg-type]
    return Fleet(first, summary, np.bincount(place, minlength=shape[0] * shape[1]).reshape(shape) > 0)


def _summary(place: NDArray[np.int64], values: NDArray[np.float64], size: int) -> list[NDArray[Any]]:
    known = np.isfinite(values)
    where, some = place[known], values[known]
    counts = np.bincount(where, minlength=size)
    with np.errstate(invalid="ignore"):
        mean = np.bincount(where, some, size) / counts
        deviation = np.sqrt(np.bincount(where, (some - mean[where]) ** 2, size) / counts)
    low, high = np.full(size, np.inf), np.full(size, -np.inf)
    np.minimum.at(low, where, some)
    np.maximum.at(high, where, some)
    return [counts, mean, np.where(counts, low, np.nan), np.where(counts, high, np.nan), deviation]


def alarms(config: Config, detection: Detection, fleet: Fleet) -> NDArray[np.bool_]:
    """Where any sensor of a device has an alarm, bool [bins, devices]; knowledge goes round as on the stream."""
    return np.asarray(_alarms(config, detection, jnp.int32(fleet.first), fleet.summary, fleet.present))


@partial(jax.jit, static_argnums=(0, 1))
def _alarms(config: Config, detection: Detection, first: jax.Array, summary: Summary, present: jax.Array) -> jax.Array:
    window, late = Rounds().window_bins, Rounds().lateness_bins
    delay = -(-config.adoption_delay_ms // config.bin_ms)
    kept = delay // window + 2

    def step(carry: Any, row: Any) -> Any:
        states, models = carry
        number, seen, here = row
        age = (number - late) // window - (number + 1 - delay) // window
        fleet: Shared = jax.tree.map(lambda leaf: leaf[kept - 1 - age], models)
        judge = partial(detector.update, config, detection)
        after, verdict = jax.vmap(judge, in_axes=(0, None, 0, None))(states, number, seen, fleet)
        states = jax.tree.map(
            lambda new, old: jnp.where(here.reshape((-1,) + (1,) * (new.ndim - 1)), new, old), after, states
        )
        closes = (number + 1 - late) % window == 0
        models = jax.tree.map(
            lambda past, own: jnp.where(closes, jnp.concatenate([past[1:], own.mean(axis=0)[None]]), past),
            models,
            states.own,
        )
        return (states, models), verdict.alarm.any(axis=1) & here

    devices = present.shape[1]
    beginning = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (devices, *leaf.shape)), detector.init(config))
    models = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (kept, *leaf.shape)), detector.nothing())
    numbers = first + jnp.arange(present.shape[0], dtype=jnp.int32)
    return jax.lax.scan(step, (beginning, models), (numbers, summary, present))[1]


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


def score(config: Config, fleet: Fleet, alarm: NDArray[np.bool_], faults: Sequence[Fault], begin: int) -> Score:
    """Hold alarms from bin ``begin`` on against the faults."""
    alarm = alarm & (np.arange(len(alarm)) + fleet.first >= begin)[:, None]
    truth = np.zeros_like(alarm)
    found, false = episodes(alarm), set(episodes(alarm))
    delays: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for fault in faults:
        low, high = fault.begin // config.bin_ms - fleet.first, -(-fault.end // config.bin_ms) - fleet.first
        truth[low:high, fault.device] = True
        false -= {e for e in found if e[0] == fault.device and e[1] < high + GRACE_BINS and e[2] >= low}
        hits = np.flatnonzero(alarm[low : high + GRACE_BINS, fault.device])
        late = (low + hits[0] + fleet.first + 1) * config.bin_ms - fault.begin if len(hits) else np.nan
        delays[fault.kind].append(late / 60_000)
    hit = sum(np.isfinite(part).sum() for part in delays.values())
    points = (alarm & truth & fleet.present).sum()
    return Score(
        {kind: np.array(part) for kind, part in delays.items()},
        float(hit / max(hit + len(false), 1)),
        float(2 * hit / max(hit + len(false) + len(faults), 1)),
        float(2 * points / max(alarm.sum() + (truth & fleet.present).sum(), 1)),
        len(false),
    )


Judge = Callable[[Fleet], NDArray[np.bool_]]
"""Alarms of a fleet's bins, [bins, devices]."""


def ratings(
    config: Config, judges: Mapping[str, Judge], stream: Readings, begin: int, seeds: Sequence[int]
) -> list[Rating]:
    """The table, scored from bin ``begin`` on; those bins are learned from as all others are."""
    clean = bins(config, stream)
    days = (clean.first + len(clean.present) - begin) / config.day * clean.present.shape[1]
    calm = {name: score(config, clean, judge(clean), [], begin).false / days for name, judge in judges.items()}
    made = []
    for target, sensors in TARGETS.items():
        runs: dict[str, list[Score]] = {name: [] for name in judges}
        for seed in seeds:
            spoiled, faults = injected(stream, sensors, begin * config.bin_ms, seed)
            fleet = bins(config, spoiled, clean)
            for name, judge in judges.items():
                runs[name].append(score(config, fleet, judge(fleet), faults, begin))
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
