"""The baseline: the plain way to evaluate in PySpark, a Python UDF called for each row, and in it one JAX call."""

from functools import cache
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray
from pyspark.sql import functions

from forecaster import bins, course, evaluator, vectors
from forecaster.config import Config
from forecaster.knowledge import initial
from forecaster.vectors import Vectors

DEVICES: dict[str, Any] = {}
"""State of each device, in the worker."""


def forecast_a_row(numbers: NDArray[np.float32]) -> Any:
    """A UDF of device, event time (ms) and measurements: the temperature at the shortest horizon, °C.

    Every reading is a bin of its own, so each is forecast from; the state is in the worker's memory.
    """
    given = numbers.tobytes()

    def forecast(device_id: str, event_time: int, *values: float | None) -> float | None:
        config = Config()
        watcher, number = DEVICES.get(device_id) or (jax.device_get(evaluator.init(config)), 3_000_000)
        opened, _ = bins.add(None, values, event_time, 0, config.bin_ms)
        summary = course.summary(np.array(bins.close(opened, event_time).summary, np.float32))
        watcher, outputs = jax.device_get(_update()(watcher, np.int32(number), summary, _known(given)))
        DEVICES[device_id] = watcher, number + 1
        said = float(outputs.forecasts.combined[0, 0])
        return None if np.isnan(said) else said

    return functions.udf(forecast, "double", useArrow=False)


@cache
def _update() -> Any:
    def update(watcher: Any, number: Any, summary: Any, known: Any) -> Any:
        return evaluator.update(Config(), watcher, number, summary, known, jax.numpy.int32(1), jax.numpy.int32(0))

    return jax.jit(update)


@cache
def _known(numbers: bytes) -> Any:
    config = Config()
    shapes = jax.eval_shape(lambda: jax.tree.map(jax.numpy.asarray, initial(config)))
    return vectors.parted(shapes, Vectors(np.frombuffer(numbers, np.float32), np.zeros(0, np.int32)))
