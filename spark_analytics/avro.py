"""Rows of ``columns.ROWS`` as records for Kafka, encoded in the JVM."""

import json
from functools import cache

from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from pyspark.sql import DataFrame, functions
from pyspark.sql.avro.functions import to_avro

from schemas.codec import PATIENCE_S
from schemas.events import SENSORS
from schemas.topics import TOPICS
from spark_analytics.columns import PARTS, PLAIN
from spark_analytics.frames import plain

PREDICTIONS = TOPICS["predictions"]


def records(rows: DataFrame, registry: str) -> DataFrame:
    """Topic, key, value, headers (a JSON object of texts) and timestamp (ms) of each row of ``columns.ROWS``.

    Raises:
        SchemaRegistryError: the schema of predictions is not registered.
    """
    header = bytes([0]) + _schema_id(registry).to_bytes(4)
    value = to_avro(functions.expr(_event()), json.dumps(plain(PREDICTIONS.schema)))
    found = rows.withColumn("made", functions.when(functions.col("letter").isNull(), value))
    shown = "to_json(named_struct('source', source, 'model_version', cast(model_version AS STRING)))"
    return found.selectExpr(
        f"if(letter IS NULL, '{PREDICTIONS.name}', 'dead_letters') AS topic",
        "if(letter IS NULL, encode(device_id, 'UTF-8'), letter_key) AS key",
        f"if(letter IS NULL, concat(X'{header.hex()}', made), letter) AS value",
        f"if(letter IS NULL, {shown}, letter_headers) AS headers",
        "if(letter IS NULL, if(scored, target_at, made_at), letter_timestamp) AS timestamp",
    )


@cache
def _schema_id(registry: str) -> int:
    client = SchemaRegistryClient({"url": registry, "timeout": PATIENCE_S})
    found = client.lookup_schema(PREDICTIONS.subject, Schema(json.dumps(PREDICTIONS.schema), "AVRO")).schema_id
    assert found is not None
    return found


def _event() -> str:
    """A forecast's columns as the struct that its schema says."""
    values = {name: name for name in ("prediction_id", "source", "device_id", "dataset", "reading_partition")}
    values |= {name: name for name in (*PLAIN, "reading_offset", "anomaly_score", "fault")}
    for part in PARTS:
        struct = ", ".join(f"'{sensor}', {part}_{sensor}" for sensor in SENSORS)
        values[part] = f"named_struct({struct})"
    nothing = "named_struct(" + ", ".join(f"'{sensor}', cast(NULL AS DOUBLE)" for sensor in SENSORS) + ")"
    for part in ("actual", "error"):
        values[part] = f"if(scored, {values[part]}, NULL)"
    values["network"] = f"if(true, NULL, {nothing})"
    values["anomaly"] = "if(anomaly_score IS NULL, NULL, fault IS NOT NULL)"
    values["stale"] = "if(stale < 0, NULL, stale > 0)"
    order = [field["name"] for field in PREDICTIONS.schema["fields"]]
    return "named_struct(" + ", ".join(f"'{name}', {values[name]}" for name in order) + ")"
