"""Topics as Spark frames, decoded in the JVM: Python sees columns of numbers, not bytes."""

import json
from typing import Any

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from pyspark.sql import Column, DataFrame, SparkSession, functions
from pyspark.sql.avro.functions import from_avro

from schemas.codec import PATIENCE_S
from schemas.topics import TOPICS

ANSWER_S = 10
Offsets = dict[int, int]
"""By partition."""


def records(frame: DataFrame) -> DataFrame:
    """A Kafka frame's columns as everybody here wants them; the timestamp in ms, a missing key empty."""
    return frame.selectExpr(
        "coalesce(key, binary('')) AS key",
        "value",
        "partition",
        "offset",
        "CAST(unix_millis(timestamp) AS BIGINT) AS timestamp",
    )


def count(bootstrap: str, *topics: str) -> int:
    """How many records there are on topics now.

    Raises:
        KafkaException: Kafka does not answer.
    """
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "spark-count", "enable.auto.commit": False})
    try:
        places = (TopicPartition(topic, p) for topic in topics for p in range(TOPICS[topic].partitions))
        bounds = (consumer.get_watermark_offsets(place, timeout=ANSWER_S) for place in places)
        return sum(end - first for first, end in bounds)
    finally:
        consumer.close()


def whole(
    spark: SparkSession, bootstrap: str, topic: str, starts: Offsets | None = None, ends: Offsets | None = None
) -> DataFrame:
    """The ``records`` of a topic as it is now, or from offsets ``starts`` to before ``ends``."""
    reader = spark.read.format("kafka").option("kafka.bootstrap.servers", bootstrap).option("subscribe", topic)
    for option, offsets, rest in (("startingOffsets", starts, -2), ("endingOffsets", ends, -1)):
        if offsets is not None:
            every = {str(p): offsets.get(p, rest) for p in range(TOPICS[topic].partitions)}
            reader = reader.option(option, json.dumps({topic: every}))
    return records(reader.load())


def decoded(frame: DataFrame, topic: str, registry: str) -> DataFrame:
    """``records`` with one more column, ``event``: a struct as the topic's schema says, moments as ms.

    Null where the value is not in the wire format, or of a schema that was not registered when the frame was made: the
    codec, record by record, knows better. Promises that Avro cannot express are not checked here (``codec.check``).
    """
    client = SchemaRegistryClient({"url": registry, "timeout": PATIENCE_S})
    reader = json.dumps(plain(TOPICS[topic].schema))
    found: list[Column] = []
    for version in client.get_versions(TOPICS[topic].subject):
        registered = client.get_version(TOPICS[topic].subject, version)
        assert registered.schema is not None
        assert registered.schema.schema_str is not None
        assert registered.schema_id is not None
        writer = json.dumps(plain(json.loads(registered.schema.schema_str)))
        header = bytes([0]) + registered.schema_id.to_bytes(4)
        event = from_avro(functions.expr("substring(value, 6)"), writer, {"mode": "PERMISSIVE", "avroSchema": reader})
        found.append(functions.when(functions.expr(f"substring(value, 1, 5) = X'{header.hex()}'"), event))
    return frame.withColumn("event", functions.coalesce(*found))


def plain(schema: Any) -> Any:
    """A schema without logical types: a moment is its number of ms."""
    if isinstance(schema, list):
        return [plain(part) for part in schema]
    if isinstance(schema, dict):
        return {name: plain(part) for name, part in schema.items() if name != "logicalType"}
    return schema
