"""Reads the last events of every topic with Flink's own `avro-confluent` format; prints how many of each there were.

Run as a program, since a PyFlink gateway is one per process: `python -m tests.e2e.flink_reader BOOTSTRAP REGISTRY`.
"""

import json
import sys
from contextlib import closing
from typing import Any

from confluent_kafka import Consumer
from pyflink.table import EnvironmentSettings, TableEnvironment

from infra.settings import Settings
from schemas.topics import TOPICS
from tests.e2e.system import bounds

LAST = 200
"""Of each partition."""
TYPES = {"string": "STRING", "bytes": "BYTES", "int": "INT", "long": "BIGINT", "double": "DOUBLE", "boolean": "BOOLEAN"}


def flink_type(avro: Any, named: dict[str, Any]) -> str:
    """The SQL type that Flink gives an Avro type."""
    match avro:
        case ["null", inner]:
            return flink_type(inner, named).removesuffix(" NOT NULL")
        case {"logicalType": "timestamp-millis"}:
            return "TIMESTAMP(3) NOT NULL"
        case {"type": "record", "name": name, "fields": fields}:
            named[name] = avro
            inside = ", ".join(f"`{f['name']}` {flink_type(f['type'], named)}" for f in fields)
            return f"ROW<{inside}> NOT NULL"
        case {"type": "array", "items": items}:
            return f"ARRAY<{flink_type(items, named)}> NOT NULL"
        case {"type": "map", "values": values}:
            return f"MAP<STRING NOT NULL, {flink_type(values, named)}> NOT NULL"
        case {"type": inner}:
            return flink_type(inner, named)
        case str() if avro in named:
            return flink_type(named[avro], named)
        case _:
            return f"{TYPES[avro]} NOT NULL"


def table(topic: str, bootstrap: str, registry: str) -> str:
    """The statement that makes a table of the last events of a topic, with all their columns."""
    with closing(Consumer({"bootstrap.servers": bootstrap, "group.id": "test"})) as consumer:
        starts = [max(low, high - LAST) for low, high in bounds(consumer, topic)]
    offsets = ";".join(f"partition:{partition},offset:{start}" for partition, start in enumerate(starts))
    named: dict[str, Any] = {}
    columns = ", ".join(f"`{f['name']}` {flink_type(f['type'], named)}" for f in TOPICS[topic].schema["fields"])
    return f"""
        CREATE TEMPORARY TABLE `{topic}` ({columns}) WITH (
            'connector' = 'kafka', 'topic' = '{topic}', 'properties.bootstrap.servers' = '{bootstrap}',
            'scan.startup.mode' = 'specific-offsets', 'scan.startup.specific-offsets' = '{offsets}',
            'scan.bounded.mode' = 'latest-offset',
            'format' = 'avro-confluent', 'avro-confluent.url' = '{registry}')"""


def main(bootstrap: str, registry: str) -> None:
    """Decode and count the events of every topic, in one job."""
    tables = TableEnvironment.create(EnvironmentSettings.in_batch_mode())
    jars = sorted((Settings().build / "jars" / "flink").glob("*.jar"))
    tables.get_config().set("pipeline.jars", ";".join(jar.resolve().as_uri() for jar in jars))
    tables.get_config().set("parallelism.default", "1")
    for topic in TOPICS:
        tables.execute_sql(table(topic, bootstrap, registry))
    counts = (
        f"SELECT '{topic}', COUNT(`{TOPICS[topic].schema['fields'][-1]['name']}`), COUNT(*) FROM `{topic}`"
        for topic in TOPICS
    )
    with tables.execute_sql(" UNION ALL ".join(counts)).collect() as rows:
        print(json.dumps({row[0]: row[2] for row in rows}))


if __name__ == "__main__":
    main(*sys.argv[1:])
