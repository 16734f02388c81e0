"""What was seen of a system in the last seconds, and what follows from it: rates, lags, errors, anomalies."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import NamedTuple

from schemas.events import Prediction

RATE_S = 10.0
"""Over which rates are taken."""
SCORED = 500
"""Of the last so many scored forecasts of a source, errors are told."""
ANOMALIES = 8


class Sample(NamedTuple):
    """One look at the log.

    Attributes:
        at: of a clock that only goes forward, s.
        ends: of each topic, records ever written.
        reached: of each topic, timestamp of the newest record that was seen, ms of event time.
        lags: of each consumer group, records that it has not committed.
        model: headers of the newest global model, as text; empty: there is none.
        predictions: that came since the last look; where there are very many, some.
    """

    at: float
    ends: Mapping[str, int]
    reached: Mapping[str, int]
    lags: Mapping[str, int]
    model: Mapping[str, str]
    predictions: Sequence[Prediction]


class Errors(NamedTuple):
    """Mean absolute errors of temperature, °C, over ``count`` scored forecasts, beside persistence's on the same."""

    count: int  # type: ignore[assignment]  # though tuples have a method of that name
    error: float
    persistence: float


class History(NamedTuple):
    """Samples of the last seconds, the last scored forecasts by source and horizon (ms), the last anomalies."""

    samples: tuple[Sample, ...] = ()
    scored: Mapping[tuple[str, int], tuple[tuple[float, float], ...]] = {}  # is not written to
    anomalies: tuple[Prediction, ...] = ()

    def after(self, sample: Sample) -> "History":
        """With one look more."""
        kept = [each for each in self.samples if each.at >= sample.at - RATE_S]
        scored, anomalies = dict(self.scored), list(self.anomalies)
        for event in sample.predictions:
            if event.actual is None:
                continue
            if (pair := _off(event)) is not None:
                key = event.source, event.horizon_ms
                scored[key] = (*scored.get(key, ()), pair)[-SCORED:]
            if event.anomaly:
                anomalies.append(event)
        return History((*kept, sample), scored, tuple(anomalies[-ANOMALIES:]))

    @property
    def newest(self) -> Sample:
        """The last look."""
        return self.samples[-1]

    def rates(self) -> dict[str, float]:
        """Of each topic, records a second; none before the second look."""
        first, last = self.samples[0], self.newest
        seconds = last.at - first.at
        return {topic: (end - first.ends.get(topic, end)) / seconds for topic, end in last.ends.items() if seconds > 0}

    def errors(self) -> dict[tuple[str, int], Errors]:
        """By source and horizon, in order."""
        return {
            key: Errors(len(pairs), fmean(error for error, _ in pairs), fmean(idle for _, idle in pairs))
            for key, pairs in sorted(self.scored.items())
        }


def _off(event: Prediction) -> tuple[float, float] | None:
    """By how much the forecast and persistence missed the temperature, °C; nothing where one of them is not known."""
    forecast, persistence = event.forecast.temperature, event.persistence.temperature
    actual = event.actual.temperature if event.actual else None
    if forecast is None or persistence is None or actual is None:
        return None
    return abs(forecast - actual), abs(persistence - actual)
