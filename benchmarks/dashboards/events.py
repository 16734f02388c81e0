"""The history's events, made up: what a running system would have on its topics, with the newest forecasts unscored."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from benchmarks.dashboards.history import A_REPORT, BIN, DEVICES, HORIZONS, SOURCES, History, end_of
from producers import lab
from schemas.events import (
    SENSORS,
    Contribution,
    DeadLetter,
    Decision,
    FleetEvaluation,
    FleetInsight,
    GlobalModel,
    HorizonError,
    LocalUpdate,
    PairedError,
    Prediction,
    Reading,
)
from schemas.forecasts import measurements, prediction_id
from schemas.positions import moves
from schemas.topics import PARTITIONS

DATASET = "synthetic"
WINDOW_BINS = 6
LETTERS = 25_000
"""More than a chart reads."""

_OFF = {"local": 0.3, "stream": 0.4, "batch": 0.35}
"""Standard deviation of a source's errors, °C, 30 minutes ahead."""
_SCALE = (1.0, 2.0, 60.0, 0.01)
_ALARM = 0.004
_FAULTS = tuple(f"{sensor} {fault}" for sensor in SENSORS for fault in ("spike", "stuck"))
_WEIGHTS = save({"weights": np.zeros(4_500, np.float32)})
"""Of the default network's size; no real ones."""


def windows(past: History) -> int:
    """How many windows are over, each with a version of the model."""
    return past.bins // WINDOW_BINS


def predictions(past: History) -> Iterator[Prediction]:
    """Every forecast once, as it stands in the end: scored, if its target is over and its device reported then."""
    random = np.random.default_rng(7)
    left_out = past.too_many
    for bin_ in range(past.bins):
        off = random.normal(0, 1, (DEVICES, A_REPORT, len(SENSORS)))
        scores = random.random((DEVICES, A_REPORT))
        for number in np.flatnonzero(past.present[bin_]):
            for place in range(A_REPORT):
                if left_out:
                    left_out -= 1
                else:
                    yield _prediction(past, bin_, int(number), place, off[number, place], float(scores[number, place]))


def _prediction(
    past: History, bin_: int, number: int, place: int, off: NDArray[np.float64], score: float
) -> Prediction:
    source, horizon = SOURCES[place // len(HORIZONS)], HORIZONS[place % len(HORIZONS)]
    device, made, then = past.names[number], end_of(bin_), bin_ + horizon // BIN
    over = then < past.bins
    version = max(windows(past), 1) if source == "batch" else bin_ // WINDOW_BINS
    actual = past.values[then if over else bin_, number]
    error = off * _SCALE * _OFF[source] * (1 + place % len(HORIZONS))
    scored = over and bool(past.present[then, number])
    alarm = score < _ALARM
    return Prediction(
        prediction_id(source, device, horizon, made, version if source == "batch" else None),
        *(source, device, version, made, made + horizon, horizon),
        forecast=measurements((actual + error).tolist()),
        persistence=measurements(past.values[bin_, number].tolist()),
        actual=measurements(actual.tolist()) if scored else None,
        error=measurements(error.tolist()) if scored else None,
        anomaly_score=(3.0 if alarm else 0.0) + score if scored else None,
        anomaly=alarm if scored else None,
        reading_partition=past.partitions[number],
        reading_offset=int(past.offsets[bin_, number]),
        dataset=DATASET,
        network=measurements((actual + error).tolist()) if source == "local" else None,
        fault=_FAULTS[bin_ % len(_FAULTS)] if scored and alarm else None,
        stale=None if source == "local" else False,
    )


def readings(past: History) -> Iterator[Reading]:
    """One for each bin, where the sensors of the Lab send ten."""
    for bin_ in range(past.bins):
        for number in np.flatnonzero(past.present[bin_]):
            values = measurements(past.values[bin_, number].tolist())
            yield Reading(past.names[number], end_of(bin_) - BIN // 2, bin_, *values, DATASET, 0, bin_)


def updates(past: History) -> Iterator[LocalUpdate]:
    """The newest of each device, which is all that the view keeps."""
    for number, device in enumerate(past.names):
        bin_ = int(np.flatnonzero(past.present[:, number])[-1])
        offset = int(past.offsets[bin_, number])
        sequence = windows(past)
        yield LocalUpdate(
            *(f"{device}/{sequence}", device, sequence, end_of(bin_), max(sequence - 1, 0), None, "tanh", _WEIGHTS),
            *(WINDOW_BINS, past.partitions[number], max(0, offset - WINDOW_BINS), offset, _errors(), DATASET),
        )


def versions(past: History) -> Iterator[GlobalModel]:
    """A version for each window that is over, stood on by the next, whose window promotes it."""
    for version in range(1, windows(past) + 1):
        end = end_of(version * WINDOW_BINS - 1)
        contributions = tuple(_contribution(past, number, version, end) for number in range(DEVICES))
        paired = tuple(PairedError(*each[:3], each.mae, each.mae * 1.01, each.persistence_mae) for each in _errors())
        judged = version - 1
        yield GlobalModel(
            *("global", version, judged, end - WINDOW_BINS * BIN, end, "fedavg", {}, "tanh", _WEIGHTS, contributions),
            *(DEVICES * WINDOW_BINS, _errors(), "promoted" if version < windows(past) else "candidate"),
            *({str(partition): version for partition in range(PARTITIONS)}, DATASET),
            champion=judged,
            decisions=(Decision(judged, "promoted", "evaluation", "no worse"),) if judged else (),
            candidates=(version,),
            evaluations=(FleetEvaluation(judged, judged - 1, DEVICES, 300, 0.99, paired),) if judged > 1 else (),
        )


def _contribution(past: History, number: int, version: int, end: int) -> Contribution:
    device = past.names[number]
    outcome = ("superseded", "a newer one came") if (number + version) % 11 == 0 else ("accepted", None)
    place = past.partitions[number], version * DEVICES + number
    weight = 0.0 if outcome[1] else 1 / DEVICES
    return Contribution(f"{device}/{version}", device, *place, end, version - 1, 0, WINDOW_BINS, weight, *outcome)


def _errors() -> tuple[HorizonError, ...]:
    return tuple(
        HorizonError(sensor, horizon, WINDOW_BINS, 0.3 * scale, 0.4 * scale)
        for horizon in HORIZONS
        for sensor, scale in zip(SENSORS, _SCALE, strict=True)
    )


def letters(past: History) -> Iterator[DeadLetter]:
    """Rows of which no reading could be made."""
    for n in range(LETTERS):
        origin = "raw", n % PARTITIONS, n // PARTITIONS
        told = "MalformedRowError", f"row {n % 97} has 3 fields, not 8"
        yield DeadLetter(
            f"{origin[0]}#{origin[1]}#{origin[2]}", "producer", *origin, None, end_of(n % past.bins), *told, b"x" * 80
        )


def placings(past: History) -> list[FleetInsight]:
    """Where the invented lab has the devices."""
    where = dict(zip(past.names, ((x, y) for x, y in lab.positions(0).tolist()), strict=True))
    return moves({}, where, DATASET, "producers.lab")
