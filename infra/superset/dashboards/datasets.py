"""What charts ask: each of the adapter's tables, and a few queries over them, with words and units for people."""

from collections.abc import Mapping
from typing import NamedTuple

from infra.superset.dashboards.colours import ERROR_BANDS, TEMPERATURE_BANDS
from infra.superset.dashboards.labels import LABELS
from infra.superset.dashboards.metrics import Metric, bands, by_example, errors, forecasts, values
from infra.superset.dashboards.queries import QUERIES
from infra.superset.mongo_adapter.catalogue import TABLES
from infra.superset.mongo_adapter.tables import Kind


class Dataset(NamedTuple):
    """A table or query.

    Attributes:
        about: what a row is.
        time: column that filters of time are about.
        columns: names and kinds.
        computed: further columns, by name, as SQL.
        sql: of a query; a table has none.
        metrics: by name.
    """

    name: str
    about: str
    time: str | None
    columns: Mapping[str, Kind]
    metrics: Mapping[str, Metric]
    computed: Mapping[str, str] = {}
    sql: str | None = None

    def is_time(self, column: str) -> bool:
        """Whether a column holds moments."""
        return self.columns.get(column) == "time"

    def label(self, column: str) -> str:
        """What people read for a column."""
        return LABELS.get(column, column.replace("_", " "))


_COUNT = "COUNT(*)"
_TABLES: dict[str, tuple[str, str, dict[str, Metric], dict[str, str]]] = {
    "predictions": ("Forecasts, of the last 24 h of event time or of the range set.", "made_at", forecasts(), {}),
    "device_forecasts": ("The same of one device: the first, where none is chosen.", "made_at", forecasts(), {}),
    "readings": (
        "The newest few thousand readings of each partition that devices have learned from.",
        "event_time",
        {"readings": Metric("readings", _COUNT)},
        {},
    ),
    "latencies": ("One row a forecast of the fleet's last hour, not scored yet.", "made_at", {}, {}),
    "devices": (
        "One row a device: its newest update, the newest reading behind it, and the newest verdict on a bin.",
        "event_time",
        {
            "devices": Metric("devices", _COUNT),
            "reporting": Metric("devices", "SUM(state = 'reporting')"),
            "silent": Metric("devices", "SUM(state = 'silent')"),
            "anomalies": Metric("devices", "COALESCE(SUM(anomaly), 0)"),
            "temperature": Metric("temperature (°C)", "AVG(reading_temperature)", ".1f"),
            "error": Metric("error (°C)", "AVG(error_temperature)", ".2f"),
            "x_of": Metric("x (m)", "AVG(x)", ".1f"),
            "y_of": Metric("y (m)", "AVG(y)", ".1f"),
        },
        {
            "temperature_band": bands("reading_temperature", (18, 20, 22, 24), TEMPERATURE_BANDS),
            "error_band": bands("error_temperature", (0.1, 0.25, 0.5, 1), ERROR_BANDS),
        },
    ),
    "device_errors": (
        "One row a device, sensor and horizon: error since the device's previous update.",
        "event_time",
        by_example("local"),
        {},
    ),
    "global_models": (
        "One row a version of the global model.",
        "window_end",
        {
            "newest_version": Metric("newest version", "MAX(version)"),
            "versions": Metric("versions", _COUNT),
            "contributors": Metric("contributors", "SUM(accepted)"),
            "age": Metric("age (event min)", "MIN(behind_min)", ",.0f"),
            "staleness": Metric("mean staleness (versions)", "AVG(mean_staleness)", ".2f"),
        },
        {},
    ),
    "global_model_errors": (
        "One row a version, sensor and horizon: the contributors' error before they learned, pooled by example.",
        "window_end",
        by_example("local"),
        {},
    ),
    "global_model_contributions": (
        "One row a version and update that its window looked at.",
        "window_end",
        {"contributions": Metric("contributions", _COUNT), "devices": Metric("devices", "COUNT(DISTINCT device_id)")},
        {},
    ),
    "decisions": (
        "One row a decision about which version everybody stands on.",
        "window_end",
        {"decided_about": Metric("version", "MAX(version)")},
        {},
    ),
    "evaluations": (
        "One row a version judged beside the champion, each window it was judged in.",
        "window_end",
        {
            "best": Metric("best", "MIN(ratio)", ".3f"),
            "worst": Metric("worst", "MAX(ratio)", ".3f"),
            "ratio": Metric("error, of the champion's", "AVG(ratio)", ".3f"),
        },
        {},
    ),
    "errors_by_hour": (
        "Sums over forecasts: a row an hour, source, version, horizon, partition and sensor.",
        "hour",
        errors(),
        {"version": "model_version"},
    ),
    "errors_by_day": (
        "Sums over forecasts: a row a day, device, source, horizon and sensor; of a batch, a version too.",
        "day",
        errors(),
        {},
    ),
    "error_distribution": (
        "Numbers of forecasts: a row a day, device, source, horizon, sensor and bucket of the absolute error.",
        "day",
        {"forecasts": Metric("forecasts", "SUM(count)")},
        {},
    ),
    "insights": ("One row a number of `make analytics`.", "start", {"mean_value": Metric("mean", "AVG(value)")}, {}),
    "daily_profiles": (
        "One row a device, sensor and day that is over.",
        "day",
        {
            "mean_of": Metric("mean", "AVG(mean)", ".2f"),
            "lowest": Metric("lowest", "MIN(min)", ".2f"),
            "highest": Metric("highest", "MAX(max)", ".2f"),
        },
        {},
    ),
    "data_quality": (
        "One row a device and day that is over, and one a day of the fleet.",
        "day",
        {
            "share_missing": Metric("missing", "AVG(missing_rate)", ".0%"),
            "readings": Metric("readings", "SUM(readings)"),
            "rejected": Metric("rejected", "SUM(rejected)"),
            "late": Metric("late", "SUM(late)"),
            "jumped": Metric("jumped", "SUM(jumped)"),
            "unreadable": Metric("unreadable", "SUM(unreadable)"),
            "low_voltage": Metric("below 2.4 V", "SUM(low_voltage)"),
        },
        {},
    ),
    "battery": (
        "One row a device and day that is over.",
        "day",
        {
            "days_left": Metric("days left", "MIN(days_left)", ",.1f"),
            "lowest_voltage": Metric("lowest daily mean (V)", "MIN(voltage)", ".3f"),
            "mean_voltage": Metric("mean (V)", "AVG(voltage)", ".3f"),
            "slope": Metric("slope (V/day)", "AVG(slope)", ".4f"),
        },
        {},
    ),
    "neighbours": (
        "One row a device and day: its hourly mean temperatures beside its four nearest neighbours'.",
        "day",
        {
            "largest_of": Metric("largest (°C)", "MAX(ABS(largest))", ".2f"),
            "mean_of": Metric("mean (°C)", "AVG(mean)", ".2f"),
            "hours_beyond": Metric("hours far off", "SUM(hours_beyond)"),
        },
        {},
    ),
    "episodes": (
        "One row an episode of alarms.",
        "start",
        {"episodes": Metric("episodes", _COUNT), "bins": Metric("bins", "SUM(bins)")},
        {},
    ),
    "dead_letters": (
        "What a stage could not digest: at most 20,000 letters.",
        "origin_timestamp",
        {"letters": Metric("letters", _COUNT), "example": Metric("an example", "MAX(error_message)")},
        {},
    ),
}

_QUERIES: dict[str, tuple[str, str | None, dict[str, Metric]]] = {
    "readings_by_hour": (
        "One row an hour: readings that local forecasts of 30 min were made from.",
        "hour",
        {"readings": Metric("readings", "SUM(readings)")},
    ),
    "device_values": (
        "What a device (the first, where none is chosen) measured, and what each source forecast for then.",
        "made_at",
        values(),
    ),
    "agreement": (
        "One row a forecast of a batch that the stream made too, with the same version or with another.",
        "made_at",
        {
            "pairs": Metric("forecasts of both", _COUNT),
            "mean_difference": Metric("mean difference (°C)", "AVG(ABS(stream - batch))", ".4f"),
            "largest_difference": Metric("largest difference (°C)", "MAX(ABS(stream - batch))", ".4f"),
        },
    ),
    "latency": (
        "One row a forecast of the fleet's last hour of event time: how long it took after its newest reading.",
        None,
        {
            "forecasts": Metric("forecasts", _COUNT),
            "median_latency": Metric("median (s)", "MIN(CASE WHEN rank >= 0.5 THEN latency_s END)", ".2f"),
            "high_latency": Metric("95 % within (s)", "MIN(CASE WHEN rank >= 0.95 THEN latency_s END)", ".2f"),
            "longest_latency": Metric("longest (s)", "MAX(latency_s)", ".2f"),
        },
    ),
    "source_progress": (
        "One row a source and partition: how far its forecasts that are scored have come.",
        "newest_hour",
        {
            "readings_after": Metric("readings after its newest", "SUM(readings_after)"),
            "hours_after": Metric("hours after its newest", "MAX(hours_after)", ".0f"),
        },
    ),
    "correlations": (
        "One row a device, day and pair of sensors: Pearson's correlation.",
        "day",
        {"correlation": Metric("correlation", "AVG(value)", ".2f")},
    ),
    "hourly_means": (
        "One row a device, sensor, day and hour of the day.",
        "day",
        {
            "mean_value": Metric("mean", "AVG(value)", ".2f"),
            "lowest": Metric("lowest", "MIN(value)", ".2f"),
            "highest": Metric("highest", "MAX(value)", ".2f"),
        },
    ),
    "drift": (
        "One row a device, sensor and week beside the week before.",
        "week",
        {"shift": Metric("shift (deviations)", "AVG(standardized_shift)", ".2f")},
    ),
}


def hidden(table: str) -> frozenset[str]:
    """Columns of a table that charts do not see: of what is of no sensor, or of one only, no filter may choose it."""
    return frozenset({"sensor"}) if table in {"data_quality", "battery", "neighbours"} else frozenset()


def _all() -> dict[str, Dataset]:
    found = {}
    for name, (about, time, metrics, computed) in _TABLES.items():
        columns = {column.name: column.kind for column in TABLES[name].columns if column.name not in hidden(name)}
        found[name] = Dataset(name, about, time, columns, metrics, computed)
    for name, (said, moment, measured) in _QUERIES.items():
        query = QUERIES[name]
        found[name] = Dataset(name, said, moment, query.columns, measured, sql=query.sql)
    return found


DATASETS = _all()
