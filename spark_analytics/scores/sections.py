"""``Tables`` as titled tables of words, for the terminal and for a page. Pure."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from schemas.events import UNITS
from spark_analytics.scores.ordering import place
from spark_analytics.scores.ranking import LABELS, by_horizon, worst
from spark_analytics.scores.verdicts import differing, summary
from spark_analytics.scores.wording import ahead, count, minute, number, span, versions

if TYPE_CHECKING:
    from spark_analytics.scores.tables import Tables

SHOWN = 14
"""Stretches of time, and versions, of a run that are shown at most: the newest."""
DEVICES = 100
"""That are shown at most: the worst."""
DETAILED = "temperature"
"""The sensor that devices are shown one by one for."""
NOTHING = "There are no forecasts in this range: `make up` starts what makes them, `make batch` makes them anew."


class Section(NamedTuple):
    """A title; columns and their cells, if any; sentences below."""

    title: str
    head: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    remarks: Sequence[str] = ()


def sections(tables: "Tables") -> list[Section]:
    """What was forecast, how well beside persistence, when, with which version; stream against batch; alarms."""
    if tables.runs.empty:
        return [Section(NOTHING)]
    makers = runs, fleet, devices, over_time, over_versions, reasons, agreement, alarms
    return [section for make in makers if (section := make(tables)) is not None]


def runs(tables: "Tables") -> Section:
    """Whose forecasts there are."""
    rows = [
        (
            *(r.run, versions(r.lowest, r.highest), count(r.devices), count(r.predictions), count(r.scored)),
            *(count(r.repeats), count(r.conflicts), minute(r.first), minute(r.last), ", ".join(r.datasets)),
        )
        for r in tables.runs.itertuples()
    ]
    head = ("run", "versions", "devices", "forecasts", "scored", "repeats", "conflicts", "made from", "to", "data set")
    remarks = []
    if tables.runs["conflicts"].any():
        remarks.append("A conflict is an id that has come with more than one content; the first on the log counts.")
    if tables.unreadable:
        remarks.append(f"{count(tables.unreadable)} records of the topic are no predictions, and left out.")
    return Section("Forecasts, each id once", head, rows, remarks)


def fleet(tables: "Tables") -> Section:
    """Errors of all devices, and the worst one."""
    title = "Mean absolute error beside persistence (“it stays as it is”)"
    if tables.fleet.empty:
        return Section(title, remarks=["No forecast has been scored yet: that is when what was forecast has come."])
    keys = ["run", "sensor", "horizon_ms"]
    found = tables.fleet.merge(worst(tables.devices)[[*keys, "device_id", "mae"]], "left", on=keys, suffixes=("", "_w"))
    rows = [
        (
            *(r.run, r.sensor, UNITS[r.sensor], ahead(r.horizon_ms), count(r.labels), number(r.mae)),
            *(number(r.persistence_mae), number(r.ratio, 3)),
            "–" if pd.isna(r.device_id) else f"{r.device_id} {number(r.mae_w)}",
        )
        for r in found.itertuples()
    ]
    head = ("run", "sensor", "unit", "ahead", "labels", "MAE", "persistence's", "ratio", "worst device, MAE")
    return Section(title, head, rows)


def devices(tables: "Tables") -> Section | None:
    """Errors device by device, at each horizon beside persistence's: temperature, of the run that comes last."""
    if tables.devices.empty:
        return None
    run = max(tables.devices["run"].unique(), key=place)
    found = by_horizon(tables.devices[tables.devices["run"] == run], DETAILED)
    if found.empty:
        return None
    horizons = sorted({horizon_ms for _, horizon_ms in found.columns})
    parts = ("mae", 4), ("persistence_mae", 4), ("ratio", 3)
    rows = [
        (
            *(str(device_id), count(row["labels"].min())),
            *(number(row[part, horizon_ms], digits) for horizon_ms in horizons for part, digits in parts),
        )
        for device_id, row in found.head(DEVICES).iterrows()
    ]
    head = ["device", "labels", *(name for h in horizons for name in (f"MAE {ahead(h)}", "persistence's", "ratio"))]
    shown = f"{count(len(rows))} of {count(len(found))} devices, the worst first; those with fewer than {LABELS} labels"
    remarks = [f"{shown} stand at the end. Other sensors and runs: `make batch FORMAT=json`, and `make report`."]
    return Section(f"Device by device, {run}, {DETAILED}, {UNITS[DETAILED]}", head, rows, remarks)


def over_time(tables: "Tables") -> Section | None:
    """Errors over time, pooled over sensors and horizons."""
    found = summary(tables.times, "bucket")
    rows = [(r.run, minute(r.bucket), count(r.labels), number(r.ratio, 3)) for r in newest(found)]
    title = f"By {span(tables.bucket_ms)}, error over persistence's, mean over temperature, humidity and horizons"
    return Section(title, ("run", "from", "labels", "ratio"), rows) if rows else None


def over_versions(tables: "Tables") -> Section | None:
    """Errors version by version, of runs that use more than one."""
    found = summary(tables.versions, "model_version")
    several = found[found.groupby("run")["run"].transform("size") > 1]
    rows = [
        (r.run, str(r.model_version), minute(r.begin), minute(r.end), count(r.labels), number(r.ratio, 3))
        for r in newest(several)
    ]
    title = "By version, error over persistence's, mean over temperature, humidity and horizons"
    return Section(title, ("run", "version", "targets from", "to", "labels", "ratio"), rows) if rows else None


def newest(found: pd.DataFrame) -> list[Any]:
    """The last rows of each run."""
    return list(found.groupby("run").tail(SHOWN).itertuples())


def reasons(tables: "Tables") -> Section | None:
    """Why stream and batch may differ."""
    rows = [
        (
            *(f"v{r.version}", r.reason, count(r.forecasts)),
            "–" if pd.isna(r.lowest) else versions(r.lowest, r.highest),
        )
        for r in tables.reasons.itertuples()
    ]
    head = ("batch", "why they may differ", "forecasts", "the stream's versions")
    return Section("Stream against batch, on the same device, horizon and moment", head, rows) if rows else None


def agreement(tables: "Tables") -> Section | None:
    """How far stream and batch are apart."""
    rows = [
        (
            *(f"v{r.version}", "same" if r.same else "another", r.sensor, UNITS[r.sensor], count(r.pairs)),
            *(number(r.average, 2), number(r.largest, 2), count(r.exceeding), count(r.one_sided)),
        )
        for r in tables.pairs.itertuples()
    ]
    head = ("batch", "version", "sensor", "unit", "pairs", "mean difference", "largest", "above 1e-5", "one-sided")
    title = "How far their forecasts are apart"
    return Section(title, head, rows, differing(tables.pairs)) if rows else None


def alarms(tables: "Tables") -> Section:
    """Alarmed bins by what the alarm is for."""
    rows = [(r.run, r.fault or "not said", count(r.bins), count(r.devices)) for r in tables.faults.itertuples()]
    if not rows:
        return Section("No bin is alarmed")
    return Section("Alarmed bins", ("run", "fault", "bins", "devices"), rows)
