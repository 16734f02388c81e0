"""Global model: its error version by version, who contributed, what was promoted and why."""

from infra.superset.dashboards import filters
from infra.superset.dashboards.charts import bar, line, scatter, table
from infra.superset.dashboards.layout import Dashboard, row

NOTE = """\
The fleet's model, version by version: one each window of event time (30 min). **Local** is what devices \
forecast with their own networks, **stream** the global model by itself, **persistence** says that all stays as \
it is. Errors are in the chosen sensor's unit: °C, %RH, lux or V.

**Empty?** `make up` starts the loop; the first version comes after half an hour of event time. Evaluations and \
decisions come with `FEDLOG_PROMOTION=evaluated` (the default), pins with `make rollback`.
"""

_ERROR = "mean absolute error (sensor's unit)"

DASHBOARD = Dashboard(
    "global-model",
    "Global model",
    "Errors, contributions and decisions, version by version",
    NOTE,
    (
        filters.sensor("global_model_errors"),
        filters.horizon("global_model_errors"),
        filters.versions("global_models"),
        filters.time(),
    ),
    (
        row(
            46,
            (
                line(
                    "global_model_error",
                    "Contributors' error by version",
                    "global_model_errors",
                    x="version",
                    metrics=("model_error", "error_of_persistence"),
                    unit=_ERROR,
                    about="What devices forecast before they learned the answer, pooled by forecast over the window.",
                ),
                6,
            ),
            (
                line(
                    "source_error_by_version",
                    "Error by version forecast with: local, stream",
                    "errors_by_hour",
                    x="version",
                    metrics=("local", "stream", "persistence"),
                    where=(("source", "IN", ["local", "stream"]),),
                    unit=_ERROR,
                    markerEnabled=True,
                    about="Forecasts that were made on each version: by devices, and by the global model by itself.",
                ),
                6,
            ),
        ),
        row(
            46,
            (
                bar(
                    "contributions",
                    "Contributions by outcome",
                    "global_model_contributions",
                    x="version",
                    metrics=("contributions",),
                    by=("outcome",),
                    stacked=True,
                    unit="updates",
                ),
                6,
            ),
            (
                line(
                    "staleness",
                    "Mean staleness of what was accepted",
                    "global_models",
                    x="version",
                    metrics=("staleness",),
                    unit="versions behind",
                ),
                6,
            ),
        ),
        row(
            46,
            (
                scatter(
                    "evaluations",
                    "Candidates' error beside the champion's",
                    "evaluations",
                    x="at_version",
                    metrics=("best", "worst"),
                    unit="of the champion's error (below 1 is better)",
                    number=".2f",
                    truncateYAxis=True,
                    markerSize=5,
                ),
                6,
            ),
            (
                scatter(
                    "decisions",
                    "Versions decided about",
                    "decisions",
                    x="at_version",
                    metrics=("decided_about",),
                    by=("state",),
                    unit="version",
                    number=",d",
                    markerSize=6,
                ),
                6,
            ),
        ),
        row(
            60,
            (
                table(
                    "decisions_and_reasons",
                    "Decisions, newest first",
                    "decisions",
                    columns=("window_end", "version", "state", "by", "reason"),
                    order={"window_end": False},
                    rows=200,
                ),
                6,
            ),
            (
                table(
                    "contributions_left_out",
                    "Updates left out, by reason",
                    "global_model_contributions",
                    columns=("outcome", "reason"),
                    metrics=("contributions", "devices"),
                    order={"contributions": False},
                    rows=100,
                    where=(("outcome", "IN", ["rejected", "superseded", "clipped"]),),
                    about="Superseded: the device sent a newer one into the same window.",
                ),
                6,
            ),
        ),
        row(
            60,
            (
                table(
                    "versions",
                    "Versions, newest first",
                    "global_models",
                    columns=(
                        *("version", "parent_version", "window_start", "window_end", "strategy", "example_count"),
                        *("accepted", "superseded", "rejected", "mean_staleness", "promotion", "champion", "reason"),
                    ),
                    order={"version": False},
                    rows=1_000,
                    numbers={"mean_staleness": ".2f"},
                ),
                12,
            ),
        ),
    ),
)
