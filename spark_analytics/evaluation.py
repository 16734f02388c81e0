"""Forecasts for bins that have closed, and scores for the forecasts whose target they are. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import jax
import numpy as np
from numpy.typing import NDArray

from forecaster.config import Config
from forecaster.knowledge import Knowledge, forecast
from schemas.events import Prediction
from schemas.forecasts import measurements, prediction_id, score
from spark_analytics.device import Closed, Moment

PADDED = 256
"""Forecasts computed at a time: one shape, so XLA compiles once, and the same rounding whenever it is repeated."""


class Evaluated(NamedTuple):
    """A closed bin with what its events need besides."""

    device_id: str
    dataset: str
    partition: int
    closed: Closed


def predictions(
    config: Config,
    source: str,
    bins: Sequence[Evaluated],
    version_of: Mapping[int, int],
    models: Mapping[int, Knowledge],
    named: bool = False,
) -> Iterator[Prediction]:
    """Every forecast that comes due with these bins, scored, then those made at them.

    Args:
        config: of the learning core.
        source: ``stream`` or ``batch``.
        bins: closed bins, each device's in order.
        version_of: the model version that each micro-batch used.
        models: what each version knows.
        named: whether ids name the version, where several may forecast the same moment.
    """
    asked: list[tuple[Evaluated, Moment, int | None]] = []
    for item in bins:
        for h, past in enumerate(item.closed.past):
            if past is not None:
                asked.append((item, past, h))
        asked.append((item, item.closed.now, None))
    values = _forecasts(config, [(moment, version_of[moment.batch]) for _, moment, _ in asked], models)
    for (item, moment, due), ahead in zip(asked, values, strict=True):
        version = version_of[moment.batch]
        for h in range(len(config.horizons)) if due is None else (due,):
            made = _made(config, source, item, moment, version, h, ahead[h], named)
            if all(value is None for value in made.forecast):
                continue
            if due is None:
                yield made
                continue
            actual = measurements(item.closed.now.level)
            if any(value is not None for value in actual):
                yield score(made, actual, item.closed.last_offset)


def _made(
    config: Config,
    source: str,
    item: Evaluated,
    moment: Moment,
    version: int,
    h: int,
    values: NDArray[np.float32],
    named: bool,
) -> Prediction:
    made_at, horizon_ms = (moment.number + 1) * config.bin_ms, config.horizons_ms[h]
    return Prediction(
        prediction_id=prediction_id(source, item.device_id, horizon_ms, made_at, version if named else None),
        source=source,
        device_id=item.device_id,
        model_version=version,
        made_at=made_at,
        target_at=made_at + horizon_ms,
        horizon_ms=horizon_ms,
        forecast=measurements(values),
        persistence=measurements(moment.level),
        actual=None,
        error=None,
        anomaly_score=None,
        anomaly=None,
        reading_partition=item.partition,
        reading_offset=item.closed.last_offset,
        dataset=item.dataset,
    )


def _forecasts(
    config: Config, asked: Sequence[tuple[Moment, int]], models: Mapping[int, Knowledge]
) -> NDArray[np.float32]:
    """Float32 [asked, horizons, sensors], each by its own version."""
    result = np.empty((len(asked), *config.outputs), np.float32)
    for version in {version for _, version in asked}:
        rows = [i for i, (_, wanted) in enumerate(asked) if wanted == version]
        for start in range(0, len(rows), PADDED):
            some = rows[start : start + PADDED]
            moments = [asked[i][0] for i in some] + [asked[some[0]][0]] * (PADDED - len(some))
            observed = np.stack([moment.observed for moment in moments])
            numbers = np.asarray([moment.number for moment in moments], np.int32)
            levels = np.stack([moment.level for moment in moments])
            result[some] = np.asarray(_forecast(config, models[version], observed, numbers, levels))[: len(some)]
    return result


@partial(jax.jit, static_argnums=0)
def _forecast(
    config: Config, known: Knowledge, observed: jax.Array, numbers: jax.Array, levels: jax.Array
) -> jax.Array:
    return jax.vmap(partial(forecast, config, known))(observed, numbers, levels)
