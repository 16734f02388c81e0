"""The baseline: the plain way to do it in PyFlink, one Python call and one JAX call for each reading.

The same source, the same learner, its state in Flink's keyed state; every reading is a bin of its own, so it is scored,
learned from and forecast from. Flink's client runs this file.
"""

import struct
from collections.abc import Iterator
from typing import Any

import click
import jax
import numpy as np
from pyflink.common import Row, Types
from pyflink.datastream import KeyedProcessFunction, RuntimeContext, StreamExecutionEnvironment
from pyflink.datastream.state import ValueStateDescriptor

from flink_training.job import RECORD, readings, write
from flink_training.packing import Batch
from forecaster import bins, course, online
from forecaster.config import Config
from schemas.codec import Codec
from schemas.events import Prediction
from schemas.forecasts import measurements, prediction_id

NAME = "fedlog-call-a-reading"


class CallAReading(KeyedProcessFunction):  # type: ignore[misc]
    """Raw records in, a forecast at the shortest horizon out."""

    def __init__(self, config: Config, registry: str) -> None:
        self.config, self.registry = config, registry

    def open(self, runtime_context: RuntimeContext) -> None:
        """Bind the state."""
        self.codec = Codec(self.registry)
        self.learner = runtime_context.get_state(ValueStateDescriptor("learner", Types.PICKLED_BYTE_ARRAY()))

    def process_element(self, value: Row, ctx: Any) -> Iterator[Row]:
        """One record of ``iot_stream``."""
        batch = Batch(struct.pack("<i", 1) + value[1])
        reading = self.codec.decode("iot_stream", batch.value(0), batch.key(0))
        # From the host from the first on, or XLA would compile twice.
        learner = self.learner.value() or jax.device_get(online.init(self.config))
        values = (reading.temperature, reading.humidity, reading.light, reading.voltage)
        opened, _ = bins.add(None, values, reading.event_time, batch.origin(0).offset, self.config.bin_ms)
        summary = course.summary(np.array(bins.close(opened, reading.event_time).summary, np.float32))
        number = np.int32(int(learner.history.newest) + 1)
        learner, outputs = jax.device_get(online.update(self.config, learner, number, summary, np.int32(0)))
        self.learner.update(learner)
        horizon_ms = self.config.horizons_ms[0]
        event = Prediction(
            prediction_id("local", reading.device_id, horizon_ms, reading.event_time),
            *("local", reading.device_id, 0, reading.event_time, reading.event_time + horizon_ms, horizon_ms),
            *(measurements(outputs.forecasts.combined[0]), measurements(summary.mean), None, None, None, None),
            *(batch.origin(0).partition, batch.origin(0).offset, reading.dataset),
        )
        record = self.codec.encode(event)
        yield Row(record.topic, record.key, record.value, dict(record.headers), record.timestamp)


@click.command()
@click.option("--bootstrap", required=True)
@click.option("--registry", required=True)
@click.option("--trainers", required=True, type=int)
def main(bootstrap: str, registry: str, trainers: int) -> None:
    """Build the graph and hand it to the cluster."""
    environment = StreamExecutionEnvironment.get_execution_environment()
    environment.set_parallelism(1)
    records = (
        readings(environment, bootstrap, registry)
        .key_by(lambda row: row[0], key_type=Types.STRING())
        .process(CallAReading(Config(), registry), RECORD)
        .set_parallelism(trainers)
    )
    write(records, bootstrap, Config().bin_ms)
    environment.execute(NAME)


if __name__ == "__main__":
    main()
