"""Alarms, and stream beside batch. Pure."""

import pandas as pd

from schemas.events import UNITS
from spark_analytics.report.drawing import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    TIME,
    VERMILION,
    Figure,
    Trace,
    choosable,
    drawn,
    moments,
)
from spark_analytics.scores.wording import minute

KINDS = {
    "spike": ("triangle-up", VERMILION),
    "drift": ("square", BLUE),
    "stuck": ("x", BLACK),
    "noise": ("circle", ORANGE),
    "several": ("star", GREEN),
    "not said": ("circle-open", GREY),
}
LEAST = -10
"""Decade below which differences are not told apart (``agreement.histogram``)."""


def kind(fault: str) -> str:
    """What an alarm is for, whatever the sensor: ``temperature drift`` is a drift."""
    if "," in fault:
        return "several"
    word = fault.rpartition(" ")[2]
    return word if word in KINDS else "not said"


def alarms(found: pd.DataFrame, findings: pd.DataFrame) -> Figure:
    """Alarmed bins, device by time, coloured by what the alarm is for; behind them the episodes that they make.

    Args:
        found: ``Tables.alarms``.
        findings: ``fleet_plots.findings``; of its episodes, those of the same devices and runs.
    """
    devices = sorted(found["device_id"].unique())
    episodes = findings[(findings["kind"] == "episode") & findings["device_id"].isin(devices)]
    choices = []
    for run in drawn(found["run"].unique()):
        own = found[found["run"] == run]
        kinds = own["fault"].map(kind)
        traces = spans(episodes[episodes["source"] == run])
        for name, (symbol, colour) in KINDS.items():
            rows = own[kinds == name]
            if len(rows):
                words = [f"{r.fault or 'no fault named'}, score {r.score:.3g}" for r in rows.itertuples()]
                traces.append(
                    {
                        **{"type": "scatter", "mode": "markers", "name": name, "text": words, "hoverinfo": "x+y+text"},
                        **{"x": moments(rows["target_at"]), "y": rows["device_id"].tolist()},
                        **{"marker": {"symbol": symbol, "color": colour, "size": 8}},
                    }
                )
        choices.append((run, traces, "device"))
    axis = {
        "type": "category",
        "categoryorder": "array",
        "categoryarray": devices[::-1],
        "automargin": True,
        "dtick": 1,
    }
    return choosable(choices, "Alarmed bins", TIME, yaxis=axis, height=160 + max(300, 16 * len(devices)))


def spans(episodes: pd.DataFrame) -> list[Trace]:
    """Episodes as bars from start to end, which say how severe they are; none where there are none."""
    if episodes.empty:
        return []
    x: list[str | None] = []
    y: list[str | None] = []
    words: list[str | None] = []
    for r in episodes.itertuples():
        said = f"episode to {minute(r.end)}, severity {r.severity:.3g}: {r.fault or 'no fault named'}"
        x += [minute(r.start), minute(r.end), None]
        y += [r.device_id, r.device_id, None]
        words += [said, said, None]
    shape = {"color": GREY, "width": 10}
    made = {"type": "scatter", "mode": "lines", "name": "episode", "connectgaps": False, "opacity": 0.4, "line": shape}
    return [made | {"x": x, "y": y, "text": words, "hoverinfo": "x+y+text"}]


def differences(found: pd.DataFrame) -> Figure:
    """How far stream and batch are apart, version by version of batch.

    Args:
        found: ``Tables.differences``.
    """
    choices = []
    for (version, sensor), own in found.groupby(["version", "sensor"], sort=False):
        decades = list(range(int(own["decade"].min()), int(own["decade"].max()) + 1))
        traces = []
        for same, name, colour in ((True, "same version", BLUE), (False, "another version", ORANGE)):
            rows = own[own["same"] == same].set_index("decade")["pairs"]
            if len(rows):
                counts = [int(rows.get(decade, 0)) for decade in decades]
                bars = {"x": [decade_name(d) for d in decades], "y": counts, "marker": {"color": colour}}
                traces.append({"type": "bar", "name": name, **bars})
        choices.append((f"batch/v{version}: {sensor}, {UNITS[sensor]}", traces, "forecasts"))
    title = "Stream against batch: |difference| of forecasts, in the sensor's unit"
    return choosable(choices, title, "|difference|", yaxis={"type": "log", "rangemode": "normal"}) if choices else {}


def decade_name(decade: int) -> str:
    """What a power of ten stands for, e.g. ``1e-6 to 1e-5``."""
    return "below 1e-9" if decade <= LEAST else f"1e{decade} to 1e{decade + 1}"
