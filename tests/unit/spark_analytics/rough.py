"""Readings as a lab has them, and what the core by itself says of them: one reading, one bin after the other."""

import math
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import jax
import numpy as np

from forecaster import bins, evaluator
from forecaster.anomalies import evidence
from forecaster.course import summary
from forecaster.knowledge import Knowledge
from schemas.events import Prediction, Reading
from schemas.forecasts import faults, measurements, prediction_id
from tests.unit.spark_analytics.series import CONFIG, START

ULPS = 4
"""Of float32, by which light may differ where XLA has compiled another program: no two of its numbers at 1,800 lux are
1e-5 apart."""


def rough(device: str, seed: int, hours: float, lacking: Sequence[int] = (), every_s: float = 90) -> list[Reading]:
    """In the order of the log: nulls of single sensors, silences of hours, duplicates, some that come late; at the end
    temperature stands still for a while.

    Args:
        device: whose.
        seed: of all that is random.
        hours: from ``START`` on.
        lacking: sensors that it has not got.
        every_s: between two of them.
    """
    random, made = np.random.default_rng(seed), []
    silent = [(at, at + random.uniform(0.5, 6)) for at in random.uniform(0, hours, max(int(hours / 12), 1))]
    stuck = hours * 0.9
    for n in range(int(hours * 3600 / every_s)):
        hour = n * every_s / 3600
        if any(begin <= hour < end for begin, end in silent):
            continue
        day = hour / 24 * 2 * math.pi
        warm = 21 + 2 * math.sin(day) + 0.02 * random.standard_t(3)
        wet = _humidity(21 + 2 * math.sin(day)) * (1 + 0.001 * random.standard_t(3))
        warm = 22.0 if stuck <= hour < stuck + 3 else warm
        lit = max(math.sin(day - 1.5), 0) * 1800 + random.exponential(3)
        values: list[float | None] = [warm, wet, lit, 2.6]
        for sensor in range(4):
            if sensor in lacking or random.random() < 0.1:
                values[sensor] = None
        late = int(random.choice([0, 0, 0, 0, 2_000, 200_000, 3_600_000]))
        at = START + int(hour * 3_600_000) - late
        made.append(Reading(device, at, n, *values, "rough"))
        if random.random() < 0.05:
            made.append(made[int(random.integers(max(len(made) - 20, 0), len(made)))])
    return made


def _humidity(warm: float) -> float:
    """Of air whose vapour stays, as far as the walls let it, %RH."""
    magnus = evidence.BUFFERING * evidence.MAGNUS_A * warm / (warm + evidence.MAGNUS_B)
    return math.exp(4.5 - magnus)


def core(known: Knowledge, version: int, source: str, placed: Iterable[tuple[int, int, Reading]]) -> list[Prediction]:
    """What the core forecasts from readings of a device, and says of what has come: events in both forms.

    Args:
        known: what the model knows.
        version: its number.
        source: to name in the events.
        placed: readings with their partition and offset, in the order of the log.
    """
    watcher, opened, found = jax.device_get(evaluator.init(CONFIG)), None, []
    for partition, offset, reading in placed:
        try:
            opened, closed = bins.add(opened, reading[3:7], reading.event_time, offset, CONFIG.bin_ms)
        except (bins.LateReadingError, bins.ClockJumpError):
            continue
        if closed is None:
            continue
        parts = np.array([[np.nan if v is None else v for v in own] for own in closed.summary], np.float32)
        watcher, out = jax.device_get(_update()(watcher, np.int32(closed.number), parts, known, np.int32(version)))
        end, scores = (closed.number + 1) * CONFIG.bin_ms, out.verdict.score
        score = None if np.isnan(scores).all() else float(np.nanmax(scores))
        kinds = out.verdict.kind[: evidence.WATCHED].tolist()

        def event(made_at: int, ahead_ms: int, forecast: Any, level: Any, **scored: Any) -> Prediction:
            named = prediction_id(source, reading.device_id, ahead_ms, made_at)  # noqa: B023
            whose = source, reading.device_id, version, made_at, made_at + ahead_ms, ahead_ms  # noqa: B023
            plain = *whose, measurements(forecast.tolist()), measurements(level.tolist()), None, None, None, None
            behind = partition, closed.last_offset, reading.dataset  # noqa: B023
            return Prediction(named, *plain, *behind, stale=False)._replace(**scored)

        for h, ahead_ms in enumerate(CONFIG.horizons_ms):
            then = out.scored[h]
            if np.isfinite(then).any() and np.isfinite(out.level).any():
                actual, off = (measurements(part.tolist()) for part in (out.level, then.astype(float) - out.level))
                told = {"anomaly_score": score, "anomaly": None if score is None else any(kinds)}
                told |= {"actual": actual, "error": off, "fault": faults(kinds)}
                found.append(event(end - ahead_ms, ahead_ms, then, out.scored_level[h], **told))
            if np.isfinite(out.forecasts.combined[h]).any():
                found.append(event(end, ahead_ms, out.forecasts.combined[h], out.level))
    return found


@cache
def _update() -> Any:
    def update(watcher: Any, number: Any, parts: Any, known: Any, version: Any) -> Any:
        return evaluator.update(CONFIG, watcher, number, summary(parts), known, version, np.int32(0))

    return jax.jit(update)


def alike(one: Prediction, other: Prediction, but: Sequence[str] = (), ulps: int = 0) -> None:
    """Assert that two events say the same, in every field.

    Numbers to 1e-5 in the sensor's unit, and both or neither are there; the rest to the letter.

    Args:
        one: of them.
        other: of them.
        but: fields that need not be the same.
        ulps: units of float32's last place at 2,000 lux, by which light may differ if that is more.
    """
    room = 1e-5, 1e-5, max(1e-5, ulps * float(np.spacing(np.float32(2000)))), 1e-5
    for name, a, b in zip(Prediction._fields, one, other, strict=True):
        if name in but:
            continue
        if name == "anomaly_score" and None not in (a, b):
            assert abs(a - b) <= 1e-5, (one, other)
        elif name in ("forecast", "persistence", "actual", "error") and None not in (a, b):
            for x, y, most in zip(a, b, room, strict=True):
                assert x is y is None or (None not in (x, y) and abs(x - y) <= most), (name, one, other)
        else:
            assert a == b, (name, one, other)
