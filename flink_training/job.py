"""The job graph: ``iot_stream`` keyed by device, ``global_models`` broadcast, one sink for three topics.

One task reads, a few train, one writes. So the writing task's watermark is that of the whole fleet: up to it, every
reading of every partition has been trained on and what came of it has been written before. Updates carry it in the
header ``watermark``; windows close by it.

Submitted to the cluster by ``flink_training.submit``; Flink's client runs this file.
"""

import click
from pyflink.common import Types
from pyflink.datastream import DataStream, StreamExecutionEnvironment
from pyflink.table import Schema, StreamTableEnvironment

from flink_training.training import MODELS, RECORD, TrainDevices
from forecaster.config import Config
from schemas.wire import WATERMARK

NAME = "fedlog-training"
IDLE = "5 s"
"""Wall-clock time after which a partition without records counts as silent."""
FETCH_BYTES = 65_536
"""Of each partition in one fetch: with little at a time, a reader that catches up takes all partitions evenly."""
FOREVER = "TO_TIMESTAMP_LTZ(4102444800000, 3)"
"""The watermark of ``global_models``: a model is never what the readings wait for."""


def source(tables: StreamTableEnvironment, topic: str, bootstrap: str, watermark: str) -> DataStream:
    """A topic's raw records, from its beginning: key, value, partition, offset, timestamp in ms.

    Raw, because what is not Avro must become a dead letter, and Flink's own Avro format can only fail the job.
    A partition without records for some seconds does not hold the ``watermark``, an SQL expression, up.
    """
    tables.execute_sql(f"""
        CREATE TEMPORARY TABLE `{topic}` (
            `key` BYTES, `value` BYTES,
            `partition` INT METADATA VIRTUAL, `offset` BIGINT METADATA VIRTUAL,
            `timestamp` TIMESTAMP_LTZ(3) METADATA VIRTUAL,
            WATERMARK FOR `timestamp` AS {watermark}
        ) WITH (
            'connector' = 'kafka', 'topic' = '{topic}', 'properties.bootstrap.servers' = '{bootstrap}',
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


@click.command()
@click.option("--bootstrap", required=True)
@click.option("--registry", required=True)
@click.option("--trainers", required=True, type=int, help="Parallel training tasks.")
def main(bootstrap: str, registry: str, trainers: int) -> None:
    """Build the graph and hand it to the cluster."""
    environment = StreamExecutionEnvironment.get_execution_environment()
    tables = StreamTableEnvironment.create(environment)
    tables.get_config().set("table.local-time-zone", "UTC")
    environment.set_parallelism(1)
    readings = source(tables, "iot_stream", bootstrap, "`timestamp`")
    models = source(tables, "global_models", bootstrap, FOREVER).broadcast(MODELS)
    records = (
        # Latin-1 maps any key bytes to a string and back: Flink cannot key by bytes.
        readings.key_by(lambda row: (row[0] or b"").decode("latin-1"), key_type=Types.STRING())
        .connect(models)
        .process(TrainDevices(Config(), registry), RECORD)
        .name("train devices")
        .set_parallelism(trainers)
    )
    sink(tables, records, ("local_updates", "predictions", "dead_letters"), bootstrap)
    environment.execute(NAME)


if __name__ == "__main__":
    main()
