"""What fleet analytics have found: batteries, days, neighbours. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from schemas.events import UNITS
from spark_analytics.report.drawing import BLUE, ORANGE, SKY, TIME, Figure, choosable, figure, moments, numbers
from spark_analytics.scores.ordering import in_order
from spark_analytics.scores.sections import Section
from spark_analytics.scores.wording import number

KINDS = ("profile", "battery", "neighbours", "episode")
WEAKEST = 10
PLAIN = ("kind", "device_id", "sensor", "start", "end")
NUMBERS = ("mean", "voltage", "slope", "days_left", "severity")
LABELS = ("source", "fault")


def findings(events: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Findings of ``KINDS`` as ``PLAIN``, ``NUMBERS`` and ``LABELS``, in order of time; what is not said is NaN or "".

    Args:
        events: in the order of the log: insight_id, ``PLAIN`` (start and end in ms), numbers, labels. Of two with one
            id the first counts.
    """
    rows: dict[str, tuple[Any, ...]] = {}
    for event in events:
        if event["kind"] in KINDS:
            told = (event["numbers"].get(name, float("nan")) for name in NUMBERS)
            words = (event["labels"].get(name, "") for name in LABELS)
            rows.setdefault(event["insight_id"], (*(event[name] for name in PLAIN), *told, *words))
    frame = pd.DataFrame(list(rows.values()), columns=[*PLAIN, *NUMBERS, *LABELS])
    return frame.sort_values(["start", "device_id"], ignore_index=True)


def weakest(found: pd.DataFrame) -> Section | None:
    """The devices whose batteries end first, by the newest that is said of each."""
    newest = found[found["kind"] == "battery"].groupby("device_id", as_index=False).last()
    ranked = newest.sort_values(["days_left", "voltage", "device_id"]).head(WEAKEST)
    head = ("device", "voltage, V", "slope, V/day", "days left until 2.4 V")
    rows = [(r.device_id, number(r.voltage), number(r.slope, 2), number(r.days_left, 3)) for r in ranked.itertuples()]
    return Section("Batteries that end first", head, rows) if rows else None


def days(found: pd.DataFrame) -> Figure:
    """Daily means of a sensor: the lowest, the median and the highest device."""
    profiles = in_order(found[found["kind"] == "profile"], "sensor", "start")
    choices = []
    for sensor, own in profiles.groupby("sensor", sort=False):
        spread = own.groupby("start")["mean"].agg(["max", "median", "min"])
        lines = zip(("highest device", "median device", "lowest device"), spread, (ORANGE, BLUE, SKY), strict=True)
        shared = {"type": "scatter", "mode": "lines+markers", "x": moments(spread.index)}
        traces = [shared | {"name": n, "y": numbers(spread[c]), "line": {"color": colour}} for n, c, colour in lines]
        choices.append((str(sensor), traces, f"mean of the day, {UNITS[str(sensor)]}"))
    return choosable(choices, "Days of the fleet", TIME, yaxis={"rangemode": "normal"}) if choices else {}


def neighbours(found: pd.DataFrame) -> Figure:
    """How far each device is from its neighbours, day by day, in °C; blue where it is colder, red where warmer."""
    own = found[found["kind"] == "neighbours"]
    if own.empty:
        return {}
    table = own.pivot(index="device_id", columns="start", values="mean").sort_index(ascending=False)
    far = float(table.abs().max().max())
    heat = {
        **{"type": "heatmap", "x": moments(table.columns), "y": table.index.tolist(), "colorscale": "RdBu"},
        **{"z": [numbers(row) for row in table.to_numpy()], "zmin": -far, "zmax": far, "reversescale": True},
        "colorbar": {"title": {"text": "°C"}},
    }
    axis = {"type": "category", "dtick": 1, "automargin": True, "rangemode": "normal"}
    title = "Temperature less the neighbours', mean of the day, °C"
    return figure([heat], title, TIME, "device", yaxis=axis, height=160 + max(300, 16 * len(table)))
