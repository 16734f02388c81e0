"""What must hold between a prediction's id, the forecast and its score. Pure."""

from aggregator_stream.lineage.checks import Wrong, same
from aggregator_stream.lineage.naming import Name
from schemas.events import Measurements, Prediction

NEAR = 1e-4
"""By which two computations of the same forecast may differ, relative."""


def named(name: Name, event: Prediction) -> Wrong:
    """A prediction is what its id says."""
    version = name.version if name.version is not None else event.model_version
    return (
        same("source", name.source, event.source)
        + same("device", name.device_id, event.device_id)
        + same("made_at", name.made_at, event.made_at)
        + same("target_at", name.made_at + name.horizon_ms, event.target_at)
        + same("model_version", version, event.model_version)
    )


def forecast_again(made: Prediction, scored: Prediction) -> Wrong:
    """What was scored is what was forecast."""
    return (
        same("model_version", made.model_version, scored.model_version)
        + _near("forecast", made.forecast, scored.forecast)
        + _near("persistence", made.persistence, scored.persistence)
    )


def score(scored: Prediction) -> Wrong:
    """The error is the forecast less what came."""
    assert scored.actual is not None
    pairs = zip(scored.forecast, scored.actual, strict=True)
    missed = Measurements(*(None if f is None or a is None else f - a for f, a in pairs))
    return _near("error", missed, scored.error or Measurements())


def _near(what: str, expected: Measurements, found: Measurements) -> Wrong:
    pairs = zip(expected, found, strict=True)
    equal = all(_equal(*pair) for pair in pairs)
    return [] if equal else [f"{what}: expected {tuple(expected)}, found {tuple(found)}"]


def _equal(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return abs(one - other) <= NEAR * max(1.0, abs(one))
