"""Errors over time, by version, and of devices. Pure."""

from collections.abc import Iterator

import pandas as pd

from schemas.events import UNITS
from spark_analytics.report.drawing import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    TIME,
    VERMILION,
    Figure,
    Trace,
    choosable,
    drawn,
    moments,
    numbers,
)
from spark_analytics.scores.ranking import LABELS, RANKED, relative
from spark_analytics.scores.wording import ahead, span

STATES = {
    "promoted": ("triangle-up", GREEN),
    "rejected": ("x", GREY),
    "rolled_back": ("triangle-down", VERMILION),
    "pinned": ("diamond", PURPLE),
    "released": ("circle-open", BLACK),
}
BY_HAND = ("rolled_back", "pinned", "released")
WORST = 15
RELATIVE = "error over the fleet's persistence, ratio"


def named(state: str) -> str:
    """What became of a version, in words."""
    return state.replace("_", " ")


def parts(errors: pd.DataFrame) -> Iterator[tuple[str, int, pd.DataFrame]]:
    """Errors of each sensor and horizon, in the order in which they come."""
    for (sensor, horizon_ms), own in errors.groupby(["sensor", "horizon_ms"], sort=False):
        yield sensor, horizon_ms, own


def over_time(times: pd.DataFrame, decisions: pd.DataFrame, bucket_ms: int) -> Figure:
    """Errors of each run beside persistence's, and when which version of the model was promoted or taken back.

    Args:
        times: ``Tables.times``.
        decisions: ``decisions.decisions``.
        bucket_ms: of ``times``.
    """
    colours = drawn(times["run"].unique())
    choices = []
    for sensor, horizon_ms, own in parts(times):
        traces: list[Trace] = []
        for run, colour in colours.items():
            rows = own[own["run"] == run]
            shared = {"type": "scatter", "mode": "lines+markers", "x": moments(rows["bucket"]), "legendgroup": run}
            for name, column, dash in ((run, "mae", "solid"), (f"{run}: persistence", "persistence_mae", "dot")):
                line = {"color": colour, "dash": dash}
                traces.append(shared | {"name": name, "y": numbers(rows[column]), "line": line})
        name = f"{sensor}, {ahead(horizon_ms)} ahead"
        choices.append((name, [*traces, *standing(decisions)], f"mean absolute error, {UNITS[sensor]}"))
    by_hand = decisions[decisions["state"].isin(BY_HAND)]
    lines = [
        {
            "type": "line",
            "x0": x,
            "x1": x,
            "y0": 0,
            "y1": 1,
            "yref": "paper",
            "line": {"color": VERMILION, "dash": "dot"},
        }
        for x in sorted(set(moments(by_hand["moment"])))
    ]
    return choosable(
        *(choices, f"Error over time, by {span(bucket_ms)} of the target", TIME),
        xaxis={"anchor": "y2"},
        yaxis={"domain": [0.25, 1]},
        yaxis2={"domain": [0, 0.18], "type": "category", "categoryarray": [*map(named, STATES)], "dtick": 1},
        shapes=lines,
        height=600,
    )


def standing(decisions: pd.DataFrame) -> list[Trace]:
    """What became of versions, as marks below the errors."""
    traces = []
    for state, own in decisions.groupby("state", sort=False):
        symbol, colour = STATES.get(state, ("circle", BLACK))
        words = [f"version {r.version} {named(state)} by {r.by}: {r.reason}" for r in own.itertuples()]
        traces.append(
            {
                **{"type": "scatter", "mode": "markers", "name": named(state), "yaxis": "y2"},
                **{"x": moments(own["moment"]), "y": [named(state)] * len(own), "text": words},
                **{"hoverinfo": "x+text", "marker": {"symbol": symbol, "color": colour, "size": 8}},
            }
        )
    return traces


def by_version(versions: pd.DataFrame) -> Figure:
    """Errors version by version, over persistence's on the same targets.

    Args:
        versions: ``Tables.versions``.
    """
    colours = drawn(versions["run"].unique())
    choices = []
    for sensor, horizon_ms, own in parts(versions):
        traces = []
        for run, colour in colours.items():
            rows = own[own["run"] == run]
            words = [f"{r.labels:,} labels, MAE {r.mae:.4g} {UNITS[sensor]}" for r in rows.itertuples()]
            traces.append(
                {
                    **{"type": "scatter", "mode": "lines+markers" if len(rows) > 1 else "markers", "name": run},
                    **{"x": rows["model_version"].tolist(), "y": numbers(rows["ratio"]), "text": words},
                    **{"line": {"color": colour}, "marker": {"size": 12 if len(rows) == 1 else 5, "color": colour}},
                }
            )
        choices.append((f"{sensor}, {ahead(horizon_ms)} ahead", traces, "error over persistence's, ratio"))
    one = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": 1, "y1": 1, "line": {"color": GREY, "dash": "dot"}}
    return choosable(choices, "Error by version; 1 is persistence", "version of the global model", shapes=[one])


def worst_devices(devices: pd.DataFrame, fleet: pd.DataFrame) -> Figure:
    """The devices whose forecasts are furthest off, with persistence beside.

    Args:
        devices: ``Tables.devices``.
        fleet: ``Tables.fleet``.
    """
    choices = []
    for run in drawn(devices["run"].unique()):
        own, pooled = devices[devices["run"] == run], fleet[fleet["run"] == run]
        ranked = relative(own, pooled).head(WORST)
        if len(ranked):
            choices.append((f"{run}: all together", bars(ranked, "error", "persistence"), RELATIVE))
        for sensor, horizon_ms, part in parts(own[own["sensor"].isin(RANKED)]):
            known = part[part["labels"] >= LABELS].sort_values(["mae", "device_id"], ascending=[False, True])
            if len(known):
                made = bars(known.head(WORST), "mae", "persistence_mae")
                choices.append(
                    (f"{run}: {sensor}, {ahead(horizon_ms)} ahead", made, f"mean absolute error, {UNITS[sensor]}")
                )
    return choosable(choices, f"Worst devices, of those with {LABELS} labels", "device") if choices else {}


def bars(rows: pd.DataFrame, error: str, persistence: str) -> list[Trace]:
    """Two for each device."""
    names = rows["device_id"].tolist()
    labels = [f"{count:,} labels" for count in rows["labels"]]
    shared = {"type": "bar", "x": names, "text": labels, "textposition": "none"}
    return [
        shared | {"name": "forecast", "y": numbers(rows[error]), "marker": {"color": BLUE}},
        shared | {"name": "persistence", "y": numbers(rows[persistence]), "marker": {"color": ORANGE}},
    ]
