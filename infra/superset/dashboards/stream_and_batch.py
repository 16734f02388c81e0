"""Streaming against batch: the same targets, forecast by devices, by the stream, and by a batch evaluation."""

from infra.superset.dashboards import filters
from infra.superset.dashboards.charts import bar, line, pivot, table
from infra.superset.dashboards.layout import Dashboard, row

NOTE = """\
The same targets, forecast by the devices (**local**), by the streaming evaluator with the version that stood \
then (**stream**), and by a batch evaluation with one version for all of history (**batch**), beside \
**persistence**. Errors are in the chosen sensor's unit: °C, %RH, lux or V. A batch evaluation may know a \
version from later than its targets.

**Empty?** `make up` starts local and stream, `make batch` makes **batch** (`VERSION=n` chooses which version). \
How long forecasts took is known of those that are not scored yet, on a log whose records say when they were written.
"""

_ERROR = "mean absolute error (sensor's unit)"

DASHBOARD = Dashboard(
    "stream-and-batch",
    "Streaming against batch",
    "The same targets forecast by devices, stream and batch",
    NOTE,
    (
        filters.sensor("device_errors"),
        filters.horizon("device_errors"),
        filters.devices(),
        filters.time(),
    ),
    (
        row(
            50,
            (
                line(
                    "source_error_by_hour",
                    "Error by source, hour by hour of event time",
                    "errors_by_hour",
                    x="hour",
                    metrics=("local", "stream", "batch", "persistence"),
                    unit=_ERROR,
                    gaps="1h",
                ),
                12,
            ),
        ),
        row(
            40,
            (
                table(
                    "source_errors",
                    "Error by source",
                    "errors_by_day",
                    columns=("source",),
                    metrics=("error", "persistence", "of_persistence", "scored", "alarm_rate"),
                    order={"scored": False},
                    rows=10,
                    about="Below 1 of persistence's: better than saying that all stays as it is.",
                ),
                6,
            ),
            (
                table(
                    "latency_by_source",
                    "From a reading to the forecast, wall clock",
                    "latency",
                    columns=("source",),
                    metrics=("median_latency", "high_latency", "longest_latency", "forecasts"),
                    order={"median_latency": True},
                    rows=10,
                    about="From when the newest reading behind it was written to when the forecast was, over those of "
                    "the last hour of event time that are not scored yet. A batch waits for nobody.",
                ),
                6,
            ),
        ),
        row(
            46,
            (
                bar(
                    "error_distribution",
                    "How errors are distributed, by source",
                    "error_distribution",
                    x="above",
                    metrics=("forecasts",),
                    by=("source",),
                    unit="share of the source's forecasts",
                    number=".0%",
                    contributionMode="column",
                    xAxisForceCategorical=True,
                    about="Each bucket is twice as wide as the one before; its lower edge is written below.",
                ),
                6,
            ),
            (
                line(
                    "agreement_over_time",
                    "Difference between stream and batch",
                    "agreement",
                    x="made_at",
                    grain="PT30M",
                    metrics=("mean_difference",),
                    by=("versions",),
                    unit="mean difference (°C)",
                    about="Of temperature. With one version both call the same function on the same bins.",
                ),
                6,
            ),
        ),
        row(
            60,
            (
                pivot(
                    "device_error_by_source",
                    "Error by device and source",
                    "errors_by_day",
                    rows=("device_id",),
                    columns=("source",),
                    metrics=("error",),
                ),
                6,
            ),
            (
                table(
                    "agreement",
                    "Agreement of stream and batch",
                    "agreement",
                    columns=("batch_version", "versions"),
                    metrics=("pairs", "mean_difference", "largest_difference"),
                    order={"pairs": False},
                    rows=100,
                    about="Of temperature, over the last 24 h of event time or the range chosen.",
                ),
                6,
            ),
        ),
        row(
            30,
            (
                table(
                    "source_progress",
                    "How far each source trails the newest",
                    "source_progress",
                    columns=("source",),
                    metrics=("readings_after", "hours_after"),
                    order={"readings_after": True},
                    rows=10,
                    about="By forecasts that are scored, against the source that has come furthest.",
                ),
                12,
            ),
        ),
    ),
)
