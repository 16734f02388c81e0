"""Numbers over rows, in SQLite's words: those that several data sets have, or that are many."""

from typing import NamedTuple

from infra.superset.dashboards.colours import UNKNOWN
from schemas.events import SENSORS


class Metric(NamedTuple):
    """A number over rows.

    Attributes:
        label: what people read, with its unit.
        sql: SQLite's.
        number: format in d3's words.
    """

    label: str
    sql: str
    number: str = ",d"


def _mean(of: str, when: str = "") -> str:
    case = (lambda value: f"CASE WHEN {when} THEN {value} END") if when else (lambda value: value)
    return f"SUM({case(of)}) / SUM({case('count')})"


def errors(label: str = "error") -> dict[str, Metric]:
    """Of sums over forecasts: all, and by source. Dividing nothing by nothing gives nothing."""
    persistence = "SUM(persistence_absolute_error) / SUM(persistence_count)"
    return {
        "error": Metric(label, _mean("absolute_error"), ".3~f"),
        **{
            source: Metric(source, _mean("absolute_error", f"source = '{source}'"), ".3~f")
            for source in ("local", "stream", "batch")
        },
        "persistence": Metric("persistence", persistence, ".3~f"),
        "of_persistence": Metric("of persistence's", f"{_mean('absolute_error')} / ({persistence})", ".2f"),
        "scored": Metric("forecasts", "SUM(scored)"),
        "alarms": Metric("alarms", "SUM(alarms)"),
        "alarm_rate": Metric("alarms (share)", "1.0 * SUM(alarms) / SUM(scored)", ".2%"),
    }


def by_example(label: str) -> dict[str, Metric]:
    """Of errors per device or version, pooled by how many forecasts are behind each."""
    return {
        "model_error": Metric(label, "SUM(mae * count) / SUM(count)", ".3~f"),
        "error_of_persistence": Metric("persistence", "SUM(persistence_mae * count) / SUM(count)", ".3~f"),
    }


def values() -> dict[str, Metric]:
    """Of what was measured and forecast for then, by sensor and series."""
    found = {}
    for sensor in SENSORS:
        for series in ("measured", "local", "stream", "batch"):
            sql = f"AVG(CASE WHEN series = '{series}' THEN {sensor} END)"
            found[f"{series}_{sensor}"] = Metric(series, sql, ".2~f")
        sql = f"AVG(CASE WHEN series = 'measured' AND anomaly THEN {sensor} END)"
        found[f"anomaly_{sensor}"] = Metric("anomaly", sql, ".2~f")
    return found


def forecasts() -> dict[str, Metric]:
    """Of single forecasts: how many, errors by sensor and source, scores of anomalies."""
    found = {
        "forecasts": Metric("forecasts", "COUNT(*)"),
        "usual_score": Metric("usual", "MAX(CASE WHEN NOT anomaly THEN anomaly_score END)", ".2f"),
        "anomaly_score_of_alarm": Metric("anomaly", "MAX(CASE WHEN anomaly THEN anomaly_score END)", ".2f"),
    }
    for sensor in SENSORS:
        for source in ("local", "stream", "batch"):
            sql = f"AVG(CASE WHEN source = '{source}' THEN ABS(error_{sensor}) END)"
            found[f"{source}_error_{sensor}"] = Metric(source, sql, ".3~f")
        sql = f"AVG(ABS(persistence_{sensor} - actual_{sensor}))"
        found[f"persistence_error_{sensor}"] = Metric("persistence", sql, ".3~f")
    return found


def bands(column: str, edges: tuple[float, ...], names: tuple[str, ...]) -> str:
    """The name of the band that a value lies in; an edge belongs to the band below it."""
    steps = "".join(f" WHEN {column} <= {edge} THEN '{name}'" for edge, name in zip(edges, names[:-1], strict=True))
    return f"CASE WHEN {column} IS NULL THEN '{UNKNOWN}'{steps} ELSE '{names[-1]}' END"
