"""The topic ``predictions`` with each id once. Spark's own expressions throughout: no row becomes a Python object."""

from pyspark.sql import DataFrame, functions

from schemas.events import SENSORS

PARTS = ("forecast", "persistence", "actual")
PLAIN = (
    *("prediction_id", "source", "device_id", "dataset", "model_version", "made_at", "target_at", "horizon_ms"),
    *("anomaly_score", "anomaly", "fault"),
)
RUN = "if(event.source = 'batch', concat('batch/v', event.model_version), event.source)"
SCORED = "event.actual IS NOT NULL"
KEPT = ", ".join(
    [
        f"'waiting', NOT ({SCORED}), 'partition', partition, 'offset', offset, 'run', {RUN}",
        *(f"'{name}', event.{name}" for name in PLAIN),
        *(f"'{part}_{sensor}', event.{part}.{sensor}" for part in PARTS for sensor in SENSORS),
    ]
)
"""In this order the first counts: what is scored, then what lies first on the log. A device's events lie in one
partition."""
UNREADABLE = "event.prediction_id IS NULL"
"""The event is null where the value is not in the wire format; all in it is null where the value ends early."""
FORMS = {"scored": SCORED, "waiting": f"NOT ({SCORED})"}


def folded(
    decoded: DataFrame, since: int | None = None, until: int | None = None, version: int | None = None
) -> DataFrame:
    """One row for each id: its first scored form, or where it has none its first form; and one for what is unreadable.

    Columns ``run``, those of ``PLAIN``, ``forecast_temperature`` and so on (°C, %RH, lux, V); ``waiting``: whether it
    is not scored; ``records``: of the id on the topic; ``repeats``: of those, how many say again what another says;
    ``conflict``: whether one form of the id has come with more than one content. Records that are no predictions are
    one row, whose ``prediction_id`` is null.

    Args:
        decoded: ``frames.decoded`` of ``predictions``.
        since: event time (ms): only forecasts made from then on.
        until: event time (ms): only forecasts made before.
        version: of ``batch``, only forecasts with this version of the model.
    """
    wanted = [
        *([] if since is None else [f"event.made_at >= {since}"]),
        *([] if until is None else [f"event.made_at < {until}"]),
        *([] if version is None else [f"event.source <> 'batch' OR event.model_version = {version}"]),
    ]
    for condition in wanted:
        decoded = decoded.where(f"{UNREADABLE} OR {condition}")
    content = decoded.selectExpr(
        "event.prediction_id AS id",
        f"if({UNREADABLE}, NULL, named_struct({KEPT})) AS kept",
        *(f"if({is_form}, xxhash64(event), NULL) AS {form}" for form, is_form in FORMS.items()),
    )
    found = content.groupBy("id").agg(
        functions.expr("min(kept) AS kept"),
        functions.expr("count(1) AS records"),
        functions.expr("count(1) - int(count(scored) > 0) - int(count(waiting) > 0) AS repeats"),
        functions.expr(
            "coalesce(min(scored) <> max(scored), false) OR coalesce(min(waiting) <> max(waiting), false) AS conflict"
        ),
    )
    return found.selectExpr("kept.*", "records", "repeats", "conflict")
