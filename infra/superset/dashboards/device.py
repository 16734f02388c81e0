"""Device: what one measured, what was forecast for it, and what was wrong with it."""

from infra.superset.dashboards import filters
from infra.superset.dashboards.charts import DATE, bar, line, marked_line, scatter, table
from infra.superset.dashboards.labels import UNITS
from infra.superset.dashboards.layout import Dashboard, Row, Tabs, row

NOTE = """\
One device: what it measured (means of bins of 5 minutes), and over it what was forecast for that time by the \
device itself (**local**), the streaming evaluator (**stream**) and a batch evaluation (**batch**). A line \
breaks where nothing was measured; big points are bins with an alarm. Shown are the last 24 h of event time, or \
the range chosen.

**Empty?** `make up` starts the loop; **batch** shows once `make batch` has run.
"""

_SERIES = ("measured", "local", "stream", "batch")
_BIN = "5min"
_NUMBERS = {"temperature": ".1f", "humidity": ".1f", "light": ",.0f", "voltage": ".3f"}


def _of(sensor: str) -> list[Row]:
    unit = UNITS[sensor]
    values = marked_line(
        f"device_{sensor}",
        f"{sensor.capitalize()} ({unit}), measured and forecast",
        "device_values",
        x="at",
        metrics=[f"{series}_{sensor}" for series in _SERIES],
        marks=[f"anomaly_{sensor}"],
        unit=unit,
        number=_NUMBERS[sensor],
        gaps=_BIN,
    )
    errors = line(
        f"device_{sensor}_error",
        f"{sensor.capitalize()}: absolute error ({unit}), means of 30 min",
        "device_forecasts",
        x="target_at",
        grain="PT30M",
        metrics=[f"{source}_error_{sensor}" for source in (*_SERIES[1:], "persistence")],
        unit=f"mean absolute error ({unit})",
        gaps="30min",
    )
    return [row(56, (values, 12)), row(38, (errors, 12))]


DASHBOARD = Dashboard(
    "device",
    "Device",
    "What one device measured, what was forecast for it, and its alarms",
    NOTE,
    (
        filters.devices(first=True),
        filters.source("errors_by_day"),
        filters.horizon("device_errors"),
        filters.time(),
    ),
    (
        Tabs({sensor.capitalize(): _of(sensor) for sensor in UNITS}),
        row(
            38,
            (
                scatter(
                    "device_scores",
                    "Anomaly score of each bin",
                    "device_forecasts",
                    x="made_at",
                    metrics=("usual_score", "anomaly_score_of_alarm"),
                    where=(("source", "==", "local"), ("anomaly_score", "IS NOT NULL", None)),
                    unit="score",
                    about="Minus the decimal logarithm of the share of past bins with as much against them.",
                    markerSize=4,
                ),
                6,
            ),
            (
                bar(
                    "device_errors_by_day",
                    "Error by day and source, temperature",
                    "errors_by_day",
                    x="day",
                    metrics=("error",),
                    by=("source",),
                    where=(("sensor", "==", "temperature"),),
                    unit="mean absolute error (°C)",
                    number=".2f",
                    about="Of the device's whole history.",
                    clock=DATE,
                ),
                6,
            ),
        ),
        row(
            44,
            (
                table(
                    "device_alarms",
                    "Bins with an alarm, newest first",
                    "device_forecasts",
                    columns=(
                        *("made_at", "source", "fault", "anomaly_score", "persistence_temperature"),
                        *("persistence_humidity", "persistence_light", "persistence_voltage"),
                    ),
                    order={"made_at": False},
                    rows=300,
                    where=(("anomaly", "==", True),),
                    numbers={
                        **{"anomaly_score": ".2f", "persistence_temperature": ".1f", "persistence_humidity": ".1f"},
                        **{"persistence_light": ",.0f", "persistence_voltage": ".2f"},
                    },
                ),
                7,
            ),
            (
                table(
                    "device_readings",
                    "Newest readings, as they came",
                    "readings",
                    columns=("event_time", "temperature", "humidity", "light", "voltage"),
                    order={"event_time": False},
                    rows=100,
                    numbers={"temperature": ".2f", "humidity": ".1f", "light": ",.0f", "voltage": ".2f"},
                ),
                5,
            ),
        ),
    ),
)
