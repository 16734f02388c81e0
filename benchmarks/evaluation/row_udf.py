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

DEVICES: dict[tuple[int, str], Any] = {}
"""State of each run's devices, in the worker."""


def forecast_a_row(numbers: NDArray[np.float32], run: int) -> Any:
    """A UDF of device, event time (ms) and measurements: made_at (ms), then each horizon's forecast of each sensor.

    Null but at a reading that closes a bin. The state is in the worker's memory, for each run of its
    own, of rows in the order of the log; all of a device are to lie in one partition.
    """
    given = numbers.tobytes()

    def forecast(device_id: str, event_time: int, *values: float | None) -> list[float] | None:
        config = Config()
        watcher, opened = DEVICES.get((run, device_id)) or (jax.device_get(evaluator.init(config)), None)
        try:
            opened, closed = bins.add(opened, values, event_time, 0, config.bin_ms)
        except bins.LateReadingError:
            return None
        said = None
        if closed is not None:
            summary = course.summary(np.array(closed.summary, np.float32))
            watcher, outputs = jax.device_get(_update()(watcher, np.int32(closed.number), summary, _known(given)))
            said = [(closed.number + 1) * config.bin_ms, *outputs.forecasts.combined.ravel().tolist()]
        DEVICES[run, device_id] = watcher, opened
        return None if said is None else [float(number) for number in said]

    return functions.udf(forecast, "array<double>", useArrow=False)


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
