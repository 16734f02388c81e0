"""Queries that charts ask as if they were tables. Filters on plain columns reach the tables inside."""

from collections.abc import Mapping
from typing import NamedTuple

from infra.superset.mongo_adapter.tables import Kind
from schemas.events import SENSORS


class Query(NamedTuple):
    """SQL as SQLite knows it, and the columns it comes to."""

    sql: str
    columns: Mapping[str, Kind]


def _values(record: str) -> str:
    return ", ".join(f"{record}_{sensor} AS {sensor}" for sensor in SENSORS)


QUERIES = {
    # The newest offset of an hour less that of the hour before; a partition's offsets are its readings.
    "readings_by_hour": Query(
        """
SELECT hour, SUM(newest - before) AS readings FROM (
  SELECT hour, newest, LAG(newest) OVER (PARTITION BY reading_partition ORDER BY hour) AS before FROM (
    SELECT hour, reading_partition, MAX(newest_offset) AS newest FROM errors_by_hour
    WHERE source = 'local' AND sensor = 'temperature' AND horizon_min = 30
    GROUP BY hour, reading_partition))
WHERE before IS NOT NULL GROUP BY hour
""",
        {"hour": "time", "readings": "integer"},
    ),
    "device_values": Query(
        f"""
SELECT device_id, horizon_min, made_at, made_at AS at, 'measured' AS series, anomaly, {_values("persistence")}
FROM device_forecasts WHERE source = 'local'
UNION ALL
SELECT device_id, horizon_min, made_at, target_at, source, NULL, {_values("forecast")}
FROM device_forecasts
""",  # noqa: S608
        {
            **{"device_id": "string", "horizon_min": "integer", "made_at": "time", "at": "time"},
            **{"series": "string", "anomaly": "boolean"},
            **dict.fromkeys(SENSORS, "float"),
        },
    ),
    "agreement": Query(
        """
SELECT device_id, horizon_min, made_at, batch_version, stream, batch,
  CASE WHEN stream_version = batch_version THEN 'one version' ELSE 'two versions' END AS versions FROM (
  SELECT device_id, horizon_min, made_at, source, forecast_temperature AS batch, model_version AS batch_version,
    MAX(CASE WHEN source = 'stream' THEN forecast_temperature END) OVER same AS stream,
    MAX(CASE WHEN source = 'stream' THEN model_version END) OVER same AS stream_version
  FROM predictions WHERE source IN ('stream', 'batch')
  WINDOW same AS (PARTITION BY device_id, horizon_min, made_at))
WHERE source = 'batch' AND stream IS NOT NULL AND batch IS NOT NULL
""",
        {
            **{"device_id": "string", "horizon_min": "integer", "made_at": "time", "batch_version": "integer"},
            **{"stream": "float", "batch": "float", "versions": "string"},
        },
    ),
    "latency": Query(
        """
SELECT source, device_id, made_at, latency_s,
  CUME_DIST() OVER (PARTITION BY source ORDER BY latency_s) AS rank
FROM latencies
""",
        {"source": "string", "device_id": "string", "made_at": "time", "latency_s": "float", "rank": "float"},
    ),
    "source_progress": Query(
        """
SELECT source, reading_partition, newest_hour, newest_offset - offset_of_source AS readings_after,
  (julianday(last_hour) - julianday(newest_hour)) * 24 AS hours_after FROM (
  SELECT source, reading_partition, MAX(hour) AS newest_hour, MAX(newest_offset) AS offset_of_source,
    MAX(MAX(newest_offset)) OVER (PARTITION BY reading_partition) AS newest_offset,
    MAX(MAX(hour)) OVER () AS last_hour
  FROM errors_by_hour WHERE sensor = 'temperature' AND horizon_min = 30 GROUP BY source, reading_partition)
""",
        {
            **{"source": "string", "reading_partition": "integer", "newest_hour": "time"},
            **{"readings_after": "integer", "hours_after": "float"},
        },
    ),
    "correlations": Query(
        """
SELECT device_id, start AS day, REPLACE(name, '_', ' and ') AS pair, value FROM insights WHERE kind = 'correlation'
""",
        {"device_id": "string", "day": "time", "pair": "string", "value": "float"},
    ),
    "hourly_means": Query(
        """
SELECT device_id, sensor, start AS day, CAST(SUBSTR(name, 2) AS INTEGER) AS hour_of_day, value
FROM insights WHERE kind = 'seasonality'
""",
        {"device_id": "string", "sensor": "string", "day": "time", "hour_of_day": "integer", "value": "float"},
    ),
    "drift": Query(
        """
SELECT device_id, sensor, start AS week, name, value AS standardized_shift
FROM insights WHERE kind = 'drift' AND name = 'standardized_shift'
""",
        {"device_id": "string", "sensor": "string", "week": "time", "standardized_shift": "float"},
    ),
}
