"""What was forecast for a device, and what then was. Pure."""

import pandas as pd

from schemas.events import UNITS
from spark_analytics.report.drawing import BLACK, TIME, Figure, Trace, choosable, drawn, moments, numbers
from spark_analytics.scores.ranking import RANKED
from spark_analytics.scores.wording import ahead

POINTS = 2000
"""Of a line, at most."""


def thinning(first: int, last: int, bin_ms: int) -> int:
    """Of how many bins one is drawn, between two moments (ms)."""
    return max(-(-((last - first) // bin_ms + 1) // POINTS), 1)


def forecasts(points: pd.DataFrame, device_id: str, step_ms: int) -> Figure:
    """One device's forecasts by what they are for; where nothing was measured, or forecast, the lines have gaps.

    Args:
        points: device_id, run, horizon_ms, target_at, and forecast_ and actual_ of temperature and humidity.
        device_id: whose.
        step_ms: between two moments that are drawn.
    """
    own = points[points["device_id"] == device_id].sort_values("target_at")
    colours = drawn(own["run"].unique())
    choices = []
    for sensor in RANKED:
        known = own.dropna(subset=[f"actual_{sensor}"]).drop_duplicates("target_at")
        actual = line(known["target_at"], known[f"actual_{sensor}"], step_ms, "measured", BLACK)
        for horizon_ms, part in own.groupby("horizon_ms"):
            traces = [actual]
            for run, colour in colours.items():
                rows = part[part["run"] == run].dropna(subset=[f"forecast_{sensor}"])
                traces.append(line(rows["target_at"], rows[f"forecast_{sensor}"], step_ms, run, colour))
            choices.append((f"{sensor}, {ahead(horizon_ms)} ahead", traces, f"{sensor}, {UNITS[sensor]}"))
    title = f"{device_id}: forecast against measured"
    return choosable(choices, title, TIME, yaxis={"rangemode": "normal"}) if choices else {}


def line(times: pd.Series, values: pd.Series, step_ms: int, name: str, colour: str) -> Trace:
    """A line that breaks where more than a step lies between two points."""
    x, y, before = [], [], None
    for time, value in zip(times.tolist(), values.tolist(), strict=True):
        if before is not None and time - before > step_ms:
            x.append(before + step_ms)
            y.append(None)
        x.append(time)
        y.append(value)
        before = time
    shape = {"color": colour, "width": 1.5}
    made = {"type": "scatter", "mode": "lines", "name": name, "connectgaps": False, "line": shape}
    return made | {"x": moments(x), "y": numbers(y)}
