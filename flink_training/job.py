"""The job graph: ``iot_stream`` keyed by device, ``global_models`` broadcast, one sink for three topics.

Submitted to the cluster by ``flink_training.submit``; Flink's client runs this file.
"""

import click
from pyflink.common import Types
from pyflink.datastream import DataStream, StreamExecutionEnvironment
from pyflink.table import Schema, StreamTableEnvironment

from flink_training.training import MODELS, RECORD, TrainDevices
from forecaster.config import Config

NAME = "fedlog-training"


def source(tables: StreamTableEnvironment, topic: str, bootstrap: str) -> DataStream:
    """A topic's raw records, from its beginning: key, value, partition, offset, timestamp in ms.

    Raw, because what is not Avro must become a dead letter, and Flink's own Avro format can only fail the job.
    """
    tables.execute_sql(f"""
        CREATE TEMPORARY TABLE `{topic}` (
            `key` BYTES, `value` BYTES,
            `partition` INT METADATA VIRTUAL, `offset` BIGINT METADATA VIRTUAL,
            `timestamp` TIMESTAMP_LTZ(3) METADATA VIRTUAL
        ) WITH (
            'connector' = 'kafka', 'topic' = '{topic}', 'properties.bootstrap.servers' = '{bootstrap}',
            'properties.group.id' = '{NAME}-{topic}', 'scan.startup.mode' = 'earliest-offset',
            'key.format' = 'raw', 'key.fields' = 'key', 'value.format' = 'raw', 'value.fields-include' = 'EXCEPT_KEY'
        )""")
    rows = tables.sql_query(f"""
        SELECT `key`, `value`, `partition`, `offset`,
               1000 * UNIX_TIMESTAMP(CAST(`timestamp` AS STRING)) + EXTRACT(MILLISECOND FROM `timestamp`)
        FROM `{topic}`""")  # noqa: S608
    return tables.to_data_stream(rows)


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
    table = tables.from_data_stream(records, Schema.new_builder().build())
    tables.create_temporary_view("emitted", table)
    statements = tables.create_statement_set()
    statements.add_insert_sql("""
        INSERT INTO records SELECT `topic`, `key`, `value`, `headers`, TO_TIMESTAMP_LTZ(`ts`, 3) FROM emitted""")
    statements.attach_as_datastream()


@click.command()
@click.option("--bootstrap", required=True)
@click.option("--registry", required=True)
def main(bootstrap: str, registry: str) -> None:
    """Build the graph and hand it to the cluster."""
    environment = StreamExecutionEnvironment.get_execution_environment()
    tables = StreamTableEnvironment.create(environment)
    tables.get_config().set("table.local-time-zone", "UTC")
    readings = source(tables, "iot_stream", bootstrap)
    models = source(tables, "global_models", bootstrap).broadcast(MODELS)
    records = (
        # Latin-1 maps any key bytes to a string and back: Flink cannot key by bytes.
        readings.key_by(lambda row: (row[0] or b"").decode("latin-1"), key_type=Types.STRING())
        .connect(models)
        .process(TrainDevices(Config(), registry), RECORD)
        .name("train devices")
    )
    sink(tables, records, ("local_updates", "predictions", "dead_letters"), bootstrap)
    environment.execute(NAME)


if __name__ == "__main__":
    main()
