"""The tables Superset sees."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from infra.superset.mongo_adapter.tables import Column, Table, columns, worked_out

MINUTE = 60_000  # ms
MILLIONTHS = 1_000_000
SMALLEST = {"temperature": 1 / 64, "humidity": 1 / 64, "light": 0.25, "voltage": 0.00025}
"""Upper edge of the first bucket of a histogram of errors; each further one is twice as wide (mongo_sink.rollups)."""


def _measurements(record: str) -> tuple[Column, ...]:
    return columns(f"{record}.", f"{record}_", temperature="float", humidity="float", light="float", voltage="float")


def _horizon(under: str = "") -> Column:
    return Column("horizon_min", "integer", f"{under}horizon_ms", MINUTE)


def _insights(name: str, kind: str, *own: Column) -> Table:
    common = columns(device_id="string", sensor="string", dataset="string")
    span = (Column("day", "time", "start"), Column("end", "time", "end"))
    return Table(name, "fleet_analytics", (*common, *span, *own), where={"kind": kind})


def _numbers(numbers: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    return ({"name": name, "value": value} for name, value in numbers.items())


def _buckets(sums: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for each in sums:
        smallest = SMALLEST[each["sensor"]]
        for bucket, count in enumerate(each["histogram"]):
            if count:
                above = smallest * 2 ** (bucket - 1) if bucket else 0.0
                yield {"sensor": each["sensor"], "bucket": bucket, "above": above, "count": count}


_ERRORS = (
    *columns("errors.", sensor="string"),
    _horizon("errors."),
    *columns("errors.", count="integer", mae="float", persistence_mae="float"),
)
_ROLLED_UP = (
    *columns(source="string", dataset="string", reading_partition="integer", newest_offset="integer"),
    _horizon(),
    *columns(scored="integer", alarms="integer"),
    *columns("sums.", sensor="string", count="integer", persistence_count="integer"),
    *columns("sums.", unit=MILLIONTHS, absolute_error="float", persistence_absolute_error="float"),
)

_FORECASTS = (
    *columns(prediction_id="string", source="string", device_id="string", model_version="integer"),
    *columns(made_at="time", target_at="time"),
    _horizon(),
    *_measurements("forecast"),
    *_measurements("persistence"),
    *_measurements("actual"),
    *_measurements("error"),
    *columns(anomaly_score="float", anomaly="boolean", reading_partition="integer", reading_offset="integer"),
    *columns(dataset="string", fault="string", stale="boolean"),
)

_ALL = (
    Table("predictions", "predictions", _FORECASTS, reading="forecasts"),
    Table("device_forecasts", "predictions", _FORECASTS, reading="forecasts", one_device=True),
    Table(
        "latencies",
        "predictions",
        (*columns(source="string", device_id="string", made_at="time"), *worked_out(latency_s="float")),
        reading="latencies",
    ),
    Table(
        "readings",
        "sensor_readings",
        (
            *columns(device_id="string", event_time="time", epoch="integer"),
            *columns(temperature="float", humidity="float", light="float", voltage="float"),
            *columns(dataset="string", lap="integer", position="integer"),
        ),
        reading="readings",
    ),
    Table(
        "devices",
        "local_models",
        (
            *columns(device_id="string", sequence="integer", event_time="time", base_version="integer"),
            *columns(example_count="integer", reading_partition="integer", last_offset="integer", dataset="string"),
            *columns(
                "reading.",
                "reading_",
                event_time="time",
                temperature="float",
                humidity="float",
                light="float",
                voltage="float",
            ),
            *worked_out(behind_min="float", state="string"),
            *worked_out(error_temperature="float", persistence_error_temperature="float"),
            *columns("verdict.", anomaly="boolean", anomaly_score="float", fault="string"),
            Column("checked_at", "time", "verdict.target_at"),
            *columns("place.numbers.", x="float", y="float"),
        ),
        reading="devices",
    ),
    Table(
        "device_errors",
        "local_models",
        (*columns(device_id="string", event_time="time", base_version="integer", dataset="string"), *_ERRORS),
        unwind="errors",
    ),
    Table(
        "global_models",
        "global_model",
        (
            *columns(version="integer", parent_version="integer", window_start="time", window_end="time"),
            *columns(strategy="string", example_count="integer", promotion="string", dataset="string"),
            *columns(champion="integer", pinned="boolean", reason="string"),
            *worked_out(accepted="integer", superseded="integer", rejected="integer", mean_staleness="float"),
            *worked_out(behind_min="float"),
        ),
        reading="versions",
    ),
    Table(
        "global_model_errors",
        "global_model",
        (*columns(version="integer", window_end="time", promotion="string", dataset="string"), *_ERRORS),
        unwind="errors",
    ),
    Table(
        "global_model_contributions",
        "global_model",
        (
            *columns(version="integer", window_end="time"),
            *columns("contributions.", update_id="string", device_id="string", base_version="integer"),
            *columns("contributions.", staleness="integer", example_count="integer", coefficient="float"),
            *columns("contributions.", outcome="string", reason="string"),
        ),
        unwind="contributions",
    ),
    Table(
        "decisions",
        "global_model",
        (
            Column("at_version", "integer", "version"),
            *columns(window_end="time"),
            *columns("decisions.", version="integer", state="string", by="string", reason="string"),
        ),
        unwind="decisions",
    ),
    Table(
        "evaluations",
        "global_model",
        (
            Column("at_version", "integer", "version"),
            *columns(window_end="time"),
            *columns("evaluations.", version="integer", champion="integer", devices="integer", examples="integer"),
            *columns("evaluations.", ratio="float"),
        ),
        unwind="evaluations",
    ),
    Table(
        "errors_by_hour",
        "forecast_errors_hourly",
        (Column("hour", "time", "start"), *_ROLLED_UP, *columns("sums.", model_version="integer")),
        unwind="sums",
    ),
    Table(
        "errors_by_day",
        "forecast_errors_daily",
        (Column("day", "time", "start"), *columns(device_id="string", model_version="integer"), *_ROLLED_UP),
        unwind="sums",
    ),
    Table(
        "error_distribution",
        "forecast_errors_daily",
        (
            Column("day", "time", "start"),
            *columns(source="string", device_id="string", dataset="string"),
            _horizon(),
            *columns("sums.", sensor="string", bucket="integer", above="float", count="integer"),
        ),
        unwind="sums",
        items=_buckets,
    ),
    Table(
        "insights",
        "fleet_analytics",
        (
            *columns(kind="string", device_id="string", sensor="string", start="time", end="time", dataset="string"),
            *columns("numbers.", name="string", value="float"),
        ),
        unwind="numbers",
        items=_numbers,
    ),
    _insights(
        "daily_profiles",
        "profile",
        *columns("numbers.", count="float", missing="float", min="float", mean="float", max="float"),
        *columns("numbers.", p05="float", p25="float", p50="float", p75="float", p95="float"),
        *columns("numbers.", deviation="float", largest_gap_s="float", gaps="float"),
    ),
    _insights(
        "data_quality",
        "quality",
        *columns("numbers.", readings="float", expected="float", missing_rate="float", rejected="float"),
        *columns("numbers.", late="float", jumped="float", unreadable="float", low_voltage="float"),
        *columns("numbers.", devices="float"),
    ),
    _insights("battery", "battery", *columns("numbers.", voltage="float", slope="float", days_left="float")),
    _insights(
        "neighbours",
        "neighbours",
        *columns("numbers.", mean="float", largest="float", hours="float", hours_beyond="float"),
    ),
    Table(
        "episodes",
        "fleet_analytics",
        (
            *columns(device_id="string", start="time", end="time", dataset="string"),
            *columns("labels.", source="string", fault="string"),
            *columns("numbers.", bins="float", severity="float"),
        ),
        where={"kind": "episode"},
    ),
    Table(
        "dead_letters",
        "dead_letters",
        (
            *columns(letter_id="string", stage="string", origin_topic="string", origin_partition="integer"),
            *columns(origin_offset="integer", origin_timestamp="time", error_class="string", error_message="string"),
        ),
        # A data set full of broken rows has hundreds of thousands, and no id leads to the newest of them.
        limit=20_000,
    ),
)

TABLES = {table.name: table for table in _ALL}
