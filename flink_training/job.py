"""The job graph: readings in micro-batches keyed by device, ``global_models`` broadcast, one sink for three topics.

The JVM reads the records and collects each device's; Python is called once a batch. One task reads, a few train, one
writes. So the writing task's watermark is that of the whole fleet: up to it, every reading of every partition has been
trained on and what came of it has been written before. Updates carry it in the header ``watermark``; windows close by
it.

Submitted to the cluster by ``flink_training.submit``; Flink's client runs this file.
"""

import json
from typing import Any

import click
from pyflink.common import Types
from pyflink.datastream import DataStream, KeyedStream, StreamExecutionEnvironment
from pyflink.java_gateway import get_gateway
from pyflink.table import Schema, StreamTableEnvironment

from flink_training.training import BYTES, MODELS, TrainDevices
from forecaster.config import Config
from schemas.topics import TOPICS
from schemas.wire import WATERMARK

NAME = "fedlog-training"
IDLE = "5 s"
"""Wall-clock time after which a partition without records counts as silent."""
FETCH_BYTES = 65_536
"""Of each partition in one fetch: with little at a time, a reader that catches up takes all partitions evenly."""
FOREVER = "TO_TIMESTAMP_LTZ(4102444800000, 3)"
"""The watermark of ``global_models``: a model is never what the readings wait for."""
BATCH_MS = 1000
"""Between two watermarks, and so the longest that a reading waits for its batch (ms of the machine's clock)."""
KEYED = Types.ROW([Types.STRING(), BYTES, Types.LONG()])
RECORD = Types.ROW_NAMED(
    ["topic", "key", "value", "headers", "ts"],
    [Types.STRING(), BYTES, BYTES, Types.MAP(Types.STRING(), BYTES), Types.LONG()],
)
"""A record to be written: topic, key, value, headers, timestamp in ms."""


def source(
    tables: StreamTableEnvironment, topic: str, bootstrap: str, watermark: str | None, bounded: bool = False
) -> DataStream:
    """A topic's raw records, from its beginning: key, value, partition, offset, timestamp in ms.

    Raw, because what is not Avro must become a dead letter, and Flink's own Avro format can only fail the job.
    A partition without records for some seconds does not hold the ``watermark``, an SQL expression, up. ``bounded``
    ends at what is there now.
    """
    clause = f", WATERMARK FOR `timestamp` AS {watermark}" if watermark else ""
    end = "'scan.bounded.mode' = 'latest-offset'," if bounded else ""
    tables.execute_sql(f"""
        CREATE TEMPORARY TABLE `{topic}` (
            `key` BYTES, `value` BYTES,
            `partition` INT METADATA VIRTUAL, `offset` BIGINT METADATA VIRTUAL,
            `timestamp` TIMESTAMP_LTZ(3) METADATA VIRTUAL
            {clause}
        ) WITH (
            {end} 'connector' = 'kafka', 'topic' = '{topic}', 'properties.bootstrap.servers' = '{bootstrap}',
            'properties.group.id' = '{NAME}-{topic}', 'scan.startup.mode' = 'earliest-offset',
            'properties.max.partition.fetch.bytes' = '{FETCH_BYTES}', 'scan.watermark.idle-timeout' = '{IDLE}',
            'key.format' = 'raw', 'key.fields' = 'key', 'value.format' = 'raw', 'value.fields-include' = 'EXCEPT_KEY'
        )""")
    rows = tables.sql_query(f"""
        SELECT `key`, `value`, `partition`, `offset`, {_ms("`timestamp`")} FROM `{topic}`""")  # noqa: S608
    return tables.to_data_stream(rows)


def _ms(moment: str) -> str:
    """An SQL timestamp as ms since 1970; the session's time zone is UTC."""
    return f"(1000 * UNIX_TIMESTAMP(CAST({moment} AS STRING)) + EXTRACT(MILLISECOND FROM {moment}))"


def sink(tables: StreamTableEnvironment, records: DataStream, topics: tuple[str, ...], bootstrap: str) -> None:
    """Write records to the topic each names, with key, headers and timestamp.

    At least once: after a restart records come again, under the same ids.
    """
    tables.execute_sql(f"""
        CREATE TEMPORARY TABLE records (
            `topic` STRING METADATA, `key` BYTES, `value` BYTES, `headers` MAP<STRING, BYTES> METADATA,
            `timestamp` TIMESTAMP_LTZ(3) METADATA
        ) WITH (
            'connector' = 'kafka', 'topic' = '{";".join(topics)}', 'properties.bootstrap.servers' = '{bootstrap}',
            'properties.acks' = 'all', 'sink.delivery-guarantee' = 'at-least-once',
            'key.format' = 'raw', 'key.fields' = 'key', 'value.format' = 'raw', 'value.fields-include' = 'EXCEPT_KEY'
        )""")
    # To one writing task: PyFlink has no word for Java's DataStream.global().
    gathered = DataStream(getattr(records._j_data_stream, "global")())
    timed = Schema.new_builder().column_by_expression("at", "TO_TIMESTAMP_LTZ(`ts`, 3)")
    table = tables.from_data_stream(gathered, timed.watermark("at", "SOURCE_WATERMARK()").build())
    tables.create_temporary_view("emitted", table)
    statements = tables.create_statement_set()
    now = "CURRENT_WATERMARK(`at`)"
    statements.add_insert_sql(f"""
        INSERT INTO records SELECT `topic`, `key`, `value`,
            CASE WHEN `topic` = 'local_updates' AND {now} IS NOT NULL
                 THEN MAP_UNION(`headers`, MAP['{WATERMARK}', ENCODE(CAST({_ms(now)} AS STRING), 'UTF-8')])
                 ELSE `headers` END,
            `at` FROM emitted""")  # noqa: S608
    statements.attach_as_datastream()


def batches(readings: DataStream, held_by: DataStream | None, registry: str, trainers: int) -> KeyedStream:
    """Each device's records in micro-batches, keyed for Python as PyFlink would have keyed them.

    Where another stream holds them, none is handed on that its watermark has not reached too.
    """
    jvm: Any = get_gateway().jvm
    ours, key = jvm.dev.fedlog.flink, jvm.KeyByKeySelector
    key_type = Types.ROW([Types.STRING()]).get_java_type_info()
    measured = readings._j_data_stream.map(
        ours.Measured(json.dumps(TOPICS["iot_stream"].schema), registry), KEYED.get_java_type_info()
    )
    if held_by is not None:
        nothing = held_by._j_data_stream.flatMap(ours.WatermarkOnly(), KEYED.get_java_type_info())
        measured = DataStream(measured).union(DataStream(nothing))._j_data_stream
    row = Types.ROW([Types.STRING(), BYTES])
    patience = 0 if held_by is not None else 2 * BATCH_MS
    collected = measured.keyBy(key(), key_type).process(ours.MicroBatches(patience), row.get_java_type_info())
    collected.setParallelism(trainers)
    streams: Any = jvm.org.apache.flink.streaming.api.datastream.DataStreamUtils
    keyed = streams.reinterpretAsKeyedStream(collected, key(), key_type)
    return KeyedStream(keyed, BYTES, DataStream(collected))


def unpacked(packed: DataStream, registry: str, trainers: int) -> DataStream:
    """The records in what Python says of its batches."""
    jvm: Any = get_gateway().jvm
    function = jvm.dev.fedlog.flink.Unpacked(json.dumps(TOPICS["predictions"].schema), registry)
    records = packed._j_data_stream.flatMap(function, RECORD.get_java_type_info())
    records.setParallelism(trainers)
    return DataStream(records)


@click.command()
@click.option("--bootstrap", required=True)
@click.option("--registry", required=True)
@click.option("--trainers", required=True, type=int, help="Parallel training tasks.")
@click.option("--in-step", type=int, help="Keep step with aggregation; no model can be due before this moment, ms.")
@click.option("--bounded-models", is_flag=True, help="Take the models that are there now and wait for no more.")
def main(bootstrap: str, registry: str, trainers: int, in_step: int | None, bounded_models: bool) -> None:
    """Build the graph and hand it to the cluster."""
    config = Config()
    environment = StreamExecutionEnvironment.get_execution_environment()
    environment.get_config().set_auto_watermark_interval(BATCH_MS if in_step is None else BATCH_MS // 10)
    tables = StreamTableEnvironment.create(environment)
    tables.get_config().set("table.local-time-zone", "UTC")
    environment.set_parallelism(1)
    readings = source(tables, "iot_stream", bootstrap, "`timestamp`")
    models = source(tables, "global_models", bootstrap, FOREVER if in_step is None else None, bounded_models)
    if in_step is not None:
        # PyFlink lets watermarks catch up with each other while a bundle is open. Here each must count, so none stays.
        tables.get_config().set("python.fn-execution.bundle.size", "1")
        strategy = get_gateway().jvm.dev.fedlog.flink.ModelsInStep.strategy(in_step, config.adoption_delay_ms)
        models = DataStream(models._j_data_stream.assignTimestampsAndWatermarks(strategy))
    trained = (
        batches(readings, None if in_step is None else models, registry, trainers)
        .connect(models.broadcast(MODELS))
        .process(TrainDevices(config, registry, in_step is not None), BYTES)
        .name("train devices")
        .set_parallelism(trainers)
    )
    records = unpacked(trained, registry, trainers)
    sink(tables, records, ("local_updates", "predictions", "dead_letters"), bootstrap)
    environment.execute(NAME)


if __name__ == "__main__":
    main()
