"""The job graph: readings in micro-batches keyed by device, ``global_models`` broadcast, one sink for three topics.

The JVM reads the records and collects each device's; Python is called once a batch. One task reads, a few train, one
writes. So the writing task's watermark is that of the whole fleet: up to it, every reading of every partition has been
trained on and what came of it has been written before. ``local_updates`` carries it (``Marked.java``); windows close by
it.

Submitted to the cluster by ``flink_training.submit``; Flink's client runs this file.
"""

import json
from typing import Any

import click
from pyflink.common import Configuration, Types
from pyflink.datastream import DataStream, KeyedStream, StreamExecutionEnvironment
from pyflink.java_gateway import get_gateway

from flink_training.process_function import TrainDevices
from flink_training.state import BYTES, MODELS
from forecaster.config import Config, configured
from schemas.topics import TOPICS
from schemas.wire import WATERMARK

NAME = "fedlog-training"
BATCH_MS = 1000
"""Between two watermarks, and so the longest that a reading waits for its batch (ms of the machine's clock)."""
RECORD = Types.ROW_NAMED(
    ["topic", "key", "value", "headers", "ts"],
    [Types.STRING(), BYTES, BYTES, Types.MAP(Types.STRING(), BYTES), Types.LONG()],
)
"""A record to be written: topic, key, value, headers, timestamp in ms."""


def readings(environment: StreamExecutionEnvironment, bootstrap: str, registry: str) -> DataStream:
    """Raw records of ``iot_stream`` with their numbers read: key, packed record, event time in ms (``Measured.java``).

    Raw, because what is not Avro must become a dead letter, and Flink's own Avro format can only fail the job.
    """
    ours: Any = get_gateway().jvm.dev.fedlog.flink
    measured = ours.Measured(json.dumps(TOPICS["iot_stream"].schema), registry)
    source = ours.Log.source(bootstrap, "iot_stream", NAME, measured, False)
    read = environment._j_stream_execution_environment.fromSource(source, ours.Log.newest(), "iot_stream")
    return DataStream(read)


def models(
    environment: StreamExecutionEnvironment,
    bootstrap: str,
    config: Config,
    in_step: int | None,
    window_ms: int,
    bounded: bool,
) -> DataStream:
    """Raw records of ``global_models``: key, value, partition, offset, timestamp in ms; ``bounded`` ends at its end.

    Their watermark is what readings wait for, ``in_step``; otherwise they wait for nothing. A window's model is next
    due a window later. Where all are on the log already, a command's event, which is due at once, may stand behind it.
    """
    ours: Any = get_gateway().jvm.dev.fedlog.flink
    source = ours.Log.source(bootstrap, "global_models", NAME, ours.Raw(), bounded)
    untimed = get_gateway().jvm.org.apache.flink.api.common.eventtime.WatermarkStrategy.noWatermarks()
    times = ours.Log.unawaited() if in_step is None else untimed
    read = environment._j_stream_execution_environment.fromSource(source, times, "global_models")
    if in_step is not None:
        ahead = config.adoption_delay_ms + (0 if bounded else window_ms)
        read = read.transform("in step", read.getType(), ours.ModelsInStep(in_step, ahead))
    return DataStream(read)


def batches(measured: DataStream, held_by: DataStream | None) -> KeyedStream:
    """Each device's records in micro-batches, keyed for Python as PyFlink would have keyed them.

    Where another stream holds them, none is handed on that its watermark has not reached too.
    """
    jvm: Any = get_gateway().jvm
    ours = jvm.dev.fedlog.flink
    if held_by is not None:
        nothing = held_by._j_data_stream.flatMap(ours.WatermarkOnly(), measured._j_data_stream.getType())
        measured = measured.union(DataStream(nothing))
    row = Types.ROW([Types.STRING(), BYTES]).get_java_type_info()
    patience = 0 if held_by is not None else 2 * BATCH_MS
    collected = measured._j_data_stream.transform("collect", row, ours.MicroBatches(patience))
    keyed = collected.keyBy(jvm.KeyByKeySelector(), Types.ROW([Types.STRING()]).get_java_type_info())
    return KeyedStream(keyed, BYTES, DataStream(collected))


def unpacked(packed: DataStream, registry: str, trainers: int) -> DataStream:
    """The records in what Python says of its batches."""
    jvm: Any = get_gateway().jvm
    function = jvm.dev.fedlog.flink.Unpacked(json.dumps(TOPICS["predictions"].schema), registry)
    records = packed._j_data_stream.flatMap(function, RECORD.get_java_type_info())
    records.setParallelism(trainers)
    return DataStream(records)


def write(records: DataStream, bootstrap: str, mark_ms: int) -> None:
    """Write ``RECORD``s, at least once; ``local_updates`` with the watermark, and a mark every ``mark_ms`` of it."""
    jvm: Any = get_gateway().jvm
    ours, updates = jvm.dev.fedlog.flink, TOPICS["local_updates"]
    ours.Log.write(records._j_data_stream, bootstrap, ours.Marked(updates.name, updates.partitions, WATERMARK, mark_ms))


@click.command()
@click.option("--bootstrap", required=True)
@click.option("--registry", required=True)
@click.option("--trainers", required=True, type=int, help="Parallel training tasks.")
@click.option("--in-step", type=int, help="Keep step with aggregation; no model can be due before this moment, ms.")
@click.option("--window-ms", default=1_800_000, show_default=True, help="Length of a window, in step with which, ms.")
@click.option("--bounded-models", is_flag=True, help="Take the models that are there now and wait for no more.")
@click.option("--learner", default="", help="How devices learn, other than as ever: name=value,name=value.")
def main(
    bootstrap: str,
    registry: str,
    trainers: int,
    in_step: int | None,
    window_ms: int,
    bounded_models: bool,
    learner: str,
) -> None:
    """Build the graph and hand it to the cluster."""
    config = configured(learner)
    options = Configuration()
    if in_step is not None:
        # PyFlink lets a watermark go on while what its timers made is still on the way through Python, unless each
        # bundle ends with its first element.
        options.set_integer("python.fn-execution.bundle.size", 1)
    environment = StreamExecutionEnvironment.get_execution_environment(options)
    environment.get_config().set_auto_watermark_interval(BATCH_MS if in_step is None else BATCH_MS // 10)
    environment.set_parallelism(1)
    broadcast = models(environment, bootstrap, config, in_step, window_ms, bounded_models)
    trained = (
        batches(readings(environment, bootstrap, registry), None if in_step is None else broadcast)
        .connect(broadcast.broadcast(MODELS))
        .process(TrainDevices(config, registry, in_step is not None), BYTES)
        .name("train devices")
        .set_parallelism(trainers)
    )
    write(unpacked(trained, registry, trainers), bootstrap, config.bin_ms)
    environment.execute(NAME)


if __name__ == "__main__":
    main()
