"""Fleet now: what has been learned newest, who reports, what is wrong."""

from infra.superset.dashboards import filters
from infra.superset.dashboards.charts import bar, big_number, bubble, table, trend
from infra.superset.dashboards.layout import Dashboard, row

NOTE = """\
The fleet's newest model, who reports, whose newest bin is an alarm, and what could not be digested. Times are \
**event time** (UTC): the Intel Lab's readings are of 2004.

**Empty?** `make up` starts the loop, `make status` says what has arrived. Devices show with their first update, \
errors with the first global model. The maps show devices whose positions are known: \
`make up POSITIONS=file` says them for an own data set. No alarm and no dead letter is good news.
"""

_HOURLY = (("sensor", "==", "temperature"), ("horizon_min", "==", 30))
_PLACED = (("x", "IS NOT NULL", None),)

DASHBOARD = Dashboard(
    "fleet-now",
    "Fleet now",
    "The newest global model, who reports, alarms and dead letters",
    NOTE,
    (filters.devices(), filters.time()),
    (
        row(
            24,
            (
                big_number(
                    "newest_global_model",
                    "Version",
                    "global_models",
                    metric="newest_version",
                    says="newest of the global model",
                ),
                2,
            ),
            (
                big_number(
                    "age_of_global_model",
                    "Its age",
                    "global_models",
                    metric="age",
                    says="event min since its window",
                ),
                2,
            ),
            (
                trend(
                    "contributors",
                    "Contributors",
                    "global_models",
                    x="window_end",
                    metric="contributors",
                    says="to the newest version",
                ),
                2,
            ),
            (
                big_number("devices_reporting", "Reporting", "devices", metric="reporting", says="up to 1 h behind"),
                2,
            ),
            (
                big_number("devices_silent", "Silent", "devices", metric="silent", says="over 1 h behind"),
                2,
            ),
            (
                big_number(
                    "devices_anomalous", "Alarms now", "devices", metric="anomalies", says="whose newest bin is one"
                ),
                2,
            ),
        ),
        row(
            38,
            (
                table(
                    "newest_global_models",
                    "Versions of the last three hours",
                    "global_models",
                    columns=("version", "window_start", "window_end", "accepted", "rejected", "promotion", "champion"),
                    order={"version": False},
                    rows=100,
                    where=(("behind_min", "<", 180),),
                ),
                12,
            ),
        ),
        row(
            44,
            (
                bar(
                    "readings_an_hour",
                    "Readings an hour of event time",
                    "readings_by_hour",
                    x="hour",
                    metrics=("readings",),
                    unit="readings",
                    about="Offsets that local forecasts of 30 min, once scored, have gone on by.",
                ),
                6,
            ),
            (
                bar(
                    "forecasts_an_hour",
                    "Forecasts 30 min ahead, scored, an hour of event time",
                    "errors_by_hour",
                    x="hour",
                    metrics=("scored",),
                    by=("source",),
                    where=_HOURLY,
                    stacked=True,
                    unit="forecasts",
                ),
                6,
            ),
        ),
        row(
            62,
            (
                bubble(
                    "map_of_temperature",
                    "Map: temperature of the newest reading (°C)",
                    "devices",
                    entity="device_id",
                    series="temperature_band",
                    metrics=("x_of", "y_of", "temperature"),
                    units=("x (m)", "y (m)"),
                    where=_PLACED,
                    number=".1f",
                    about="Warmer devices are brighter and bigger. Of the newest reading learned from.",
                ),
                6,
            ),
            (
                bubble(
                    "map_of_error",
                    "Map: error of temperature 30 min ahead (°C)",
                    "devices",
                    entity="device_id",
                    series="error_band",
                    metrics=("x_of", "y_of", "error"),
                    units=("x (m)", "y (m)"),
                    where=_PLACED,
                    about="Worse forecasts are brighter and bigger: mean absolute error since the update before.",
                ),
                6,
            ),
        ),
        row(
            40,
            (
                table(
                    "alarms_now",
                    "Devices whose newest bin is an alarm",
                    "devices",
                    columns=("device_id", "checked_at", "fault", "anomaly_score"),
                    order={"anomaly_score": False},
                    rows=60,
                    where=(("anomaly", "==", True),),
                    numbers={"anomaly_score": ".2f"},
                ),
                6,
            ),
            (
                table(
                    "dead_letters",
                    "Dead letters by stage and reason",
                    "dead_letters",
                    columns=("stage", "error_class", "origin_topic"),
                    metrics=("letters", "example"),
                    order={"letters": False},
                    rows=100,
                    about="What a stage could not digest; counts stop at 20,000 letters.",
                ),
                6,
            ),
        ),
        row(
            70,
            (
                table(
                    "devices",
                    "Devices: newest reading learned from",
                    "devices",
                    columns=(
                        *("device_id", "state", "behind_min", "reading_event_time", "reading_temperature"),
                        *("reading_humidity", "reading_light", "reading_voltage", "error_temperature"),
                        *("persistence_error_temperature", "base_version", "sequence"),
                    ),
                    order={"reading_event_time": False, "device_id": True},
                    rows=1_000,
                    about="A device is listed from its first update on. Errors are 30 min ahead.",
                    numbers={
                        **{"behind_min": ",.0f", "reading_temperature": ".1f", "reading_humidity": ".1f"},
                        **{"reading_light": ".0f", "reading_voltage": ".2f"},
                        **dict.fromkeys(("error_temperature", "persistence_error_temperature"), ".2f"),
                    },
                    page=15,
                ),
                12,
            ),
        ),
    ),
    refresh_s=60,
)
