"""What a roll-up takes from a scored forecast, in whole numbers: they add up to the same in any order. Pure."""

from typing import Any, NamedTuple

from mongo_sink.documents import UnusableRecordError
from schemas.codec import Row
from schemas.events import UNITS
from schemas.wire import Origin

MILLIONTHS = 1_000_000
"""Of a sensor's unit, in which errors are added: a sum of floats would depend on the order in which they came."""

LARGEST = 10**9
"""Of an error, in its sensor's unit: nine thousand such still add up to less than 64 bits hold."""


class Error(NamedTuple):
    """How far one forecast of one sensor was off, in millionths of its unit; persistence's where that said anything."""

    sensor: str
    absolute: int
    persistence: int | None


class Score(NamedTuple):
    """A scored forecast.

    Attributes:
        made_at: ms since 1970, as all times here.
        model_version: the global model's that it names.
        alarm: whether the bin that it is about was an anomaly.
        reading: offset of the last reading behind it, in ``reading_partition``.
    """

    origin: Origin
    source: str
    device_id: str
    horizon_ms: int
    made_at: int
    model_version: int
    alarm: bool
    reading_partition: int
    reading: int
    dataset: str
    errors: tuple[Error, ...]


def score_of(origin: Origin, prediction: Row) -> Score | None:
    """The score in a prediction's fields; ``None`` where its time has not come yet.

    Raises:
        UnusableRecordError: an error is no number, or one that cannot be added up.
    """
    if prediction["error"] is None:
        return None
    return Score(
        origin,
        prediction["source"],
        prediction["device_id"],
        prediction["horizon_ms"],
        round(prediction["made_at"].timestamp() * 1000),
        prediction["model_version"],
        bool(prediction["anomaly"]),
        prediction["reading_partition"],
        prediction["reading_offset"],
        prediction["dataset"],
        tuple(
            _error(sensor, error, prediction["persistence"][sensor], prediction["actual"][sensor])
            for sensor in UNITS
            if (error := prediction["error"][sensor]) is not None
        ),
    )


def _error(sensor: str, error: float, persistence: float | None, actual: float | None) -> Error:
    known = persistence is not None and actual is not None
    return Error(sensor, _millionths(sensor, error), _millionths(sensor, persistence - actual) if known else None)  # type: ignore[operator]


def _millionths(sensor: str, error: Any) -> int:
    if not abs(error) <= LARGEST:  # NaN is not
        raise UnusableRecordError(f"an error of {error} in {sensor} cannot be added up")
    return round(abs(error) * MILLIONTHS)
