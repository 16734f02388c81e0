"""Fleet insights: what analytics says of days that are over."""

from infra.superset.dashboards import filters
from infra.superset.dashboards.charts import DATE, bar, heatmap, line, table
from infra.superset.dashboards.colours import DIVERGING
from infra.superset.dashboards.layout import Dashboard, row

NOTE = """\
What there is to be said of the fleet's days that are over: daily courses, correlations, data quality, \
batteries, disagreement with neighbours, episodes of alarms, drift from week to week. Days are of event time \
(UTC).

**Empty?** `make analytics` says it, once a first day is over. Neighbours need positions: `make analytics \
POSITIONS=file`. Drift needs two weeks; days left, a voltage that falls over three days.
"""

_DEVICES = (("device_id", "!=", "fleet"),)

DASHBOARD = Dashboard(
    "fleet-insights",
    "Fleet insights",
    "Days that are over: courses, quality, batteries, neighbours, alarms",
    NOTE,
    (
        filters.sensor("daily_profiles"),
        filters.devices(),
        filters.source("episodes"),
        filters.time(),
    ),
    (
        row(
            46,
            (
                line(
                    "hours_of_the_day",
                    "Course of the day: hourly means (sensor's unit)",
                    "hourly_means",
                    x="hour_of_day",
                    metrics=("mean_value", "lowest", "highest"),
                    unit="°C, %RH, lux or V",
                    truncateYAxis=True,
                ),
                6,
            ),
            (
                heatmap(
                    "hours_of_the_day_by_device",
                    "Course of the day, device by device (sensor's unit)",
                    "hourly_means",
                    x="hour_of_day",
                    y="device_id",
                    metric="mean_value",
                ),
                6,
            ),
        ),
        row(
            70,
            (
                heatmap(
                    "correlations",
                    "Correlations of sensors, device by device",
                    "correlations",
                    x="device_id",
                    y="pair",
                    metric="correlation",
                    colours=DIVERGING,
                    bounds=(-1, 1),
                ),
                6,
            ),
            (
                heatmap(
                    "missing",
                    "Readings missing, by device and day",
                    "data_quality",
                    x="day",
                    y="device_id",
                    metric="share_missing",
                    where=_DEVICES,
                    number=".0%",
                    bounds=(0, 1),
                    clock=DATE,
                ),
                6,
            ),
        ),
        row(
            44,
            (
                bar(
                    "rejected",
                    "Readings that were of no use, by day",
                    "data_quality",
                    x="day",
                    metrics=("rejected", "late", "jumped", "unreadable", "low_voltage"),
                    where=_DEVICES,
                    stacked=True,
                    unit="readings",
                    clock=DATE,
                ),
                6,
            ),
            (
                table(
                    "batteries",
                    "Batteries, weakest first",
                    "battery",
                    columns=("device_id",),
                    metrics=("lowest_voltage", "slope", "days_left"),
                    order={"lowest_voltage": True},
                    rows=1_000,
                    about="Days left until 2.4 V, where the voltage falls.",
                ),
                6,
            ),
        ),
        row(
            70,
            (
                heatmap(
                    "neighbours",
                    "Largest disagreement with neighbours (°C)",
                    "neighbours",
                    x="day",
                    y="device_id",
                    metric="largest_of",
                    clock=DATE,
                    number=".1f",
                ),
                6,
            ),
            (
                heatmap(
                    "drift",
                    "Drift from week to week (deviations)",
                    "drift",
                    x="week",
                    y="device_id",
                    metric="shift",
                    clock=DATE,
                    colours=DIVERGING,
                ),
                6,
            ),
        ),
        row(
            50,
            (
                table(
                    "episodes",
                    "Episodes of alarms, newest first",
                    "episodes",
                    columns=("device_id", "source", "start", "end", "bins", "severity", "fault"),
                    order={"start": False},
                    rows=500,
                    numbers={"severity": ".2f", "bins": ",d"},
                ),
                8,
            ),
            (
                table(
                    "faults",
                    "Faults",
                    "episodes",
                    columns=("fault",),
                    metrics=("episodes", "bins"),
                    order={"episodes": False},
                    rows=100,
                ),
                4,
            ),
        ),
    ),
)
