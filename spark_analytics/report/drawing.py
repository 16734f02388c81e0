"""What the page's plots have in common. Pure: a figure is the JSON that plotly.js draws."""

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from spark_analytics.scores.ordering import place
from spark_analytics.scores.wording import minute

Trace = dict[str, Any]
Figure = dict[str, Any]
"""``data``: traces; ``layout``."""

# Okabe and Ito (2008), Color Universal Design: told apart by the colour-blind too.
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
BLUE, VERMILION, PURPLE = "#0072B2", "#D55E00", "#CC79A7"
GREY = "#7F7F7F"
OF_SOURCE = {"local": BLUE, "stream": ORANGE}
OF_BATCH = (GREEN, PURPLE, VERMILION, SKY)
RUNS = 2 + len(OF_BATCH)
"""That are drawn: local, stream, and as many versions of batch, the newest."""
TIME = "event time, UTC"


def drawn(runs: Iterable[str]) -> dict[str, str]:
    """The runs to draw, in order, each with its colour."""
    ordered = sorted(runs, key=place)
    batch = [run for run in ordered if run not in OF_SOURCE][-len(OF_BATCH) :]
    colours = {run: OF_SOURCE[run] for run in ordered if run in OF_SOURCE}
    colours.update(zip(batch, OF_BATCH, strict=False))
    return colours


def moments(times: Iterable[int]) -> list[str]:
    """Moments (ms) as plotly takes them."""
    return [minute(time) for time in times]


def numbers(values: Iterable[float], digits: int = 5) -> list[float | None]:
    """As JSON has them: to so many significant digits, null where there is none."""
    return [None if pd.isna(value) else float(f"{value:.{digits}g}") for value in values]


def figure(traces: Sequence[Trace], title: str, x: str, y: str, **layout: Any) -> Figure:
    """Traces below a title, between axes that say their units."""
    axes: dict[str, dict[str, Any]] = {
        "xaxis": {"title": {"text": x}},
        "yaxis": {"title": {"text": y}, "rangemode": "tozero"},
    }
    for name in axes.keys() & layout.keys():
        axes[name] |= layout.pop(name)
    base = {
        "title": {"text": title, "x": 0, "xanchor": "left"},
        "height": 480,
        "margin": {"l": 90, "r": 20, "t": 90, "b": 80},
        "paper_bgcolor": "white",
        "plot_bgcolor": "white",
        "font": {"family": "system-ui, sans-serif", "size": 13},
        "legend": {"orientation": "v"},
        "hovermode": "closest",
        **axes,
    }
    for axis in axes.values():
        axis.update(gridcolor="#E5E5E5", linecolor="#7F7F7F", zeroline=False)
    return {"data": list(traces), "layout": base | layout}


def choosable(choices: Sequence[tuple[str, Sequence[Trace], str]], title: str, x: str, **layout: Any) -> Figure:
    """A figure of which one part is shown at a time, to be chosen from a list.

    Args:
        choices: of each part its name, its traces, the title of its y axis; the first is shown.
        title: of all.
        x: title of the x axis.
        layout: besides.
    """
    traces = [trace for _, part, _ in choices for trace in part]
    owners = [i for i, (_, part, _) in enumerate(choices) for _ in part]
    buttons = [
        {
            "label": name,
            "method": "update",
            "args": [{"visible": [owner == i for owner in owners]}, {"yaxis.title.text": y}],
        }
        for i, (name, _, y) in enumerate(choices)
    ]
    shown = [trace | {"visible": owner == 0} for trace, owner in zip(traces, owners, strict=True)]
    made = figure(shown, title, x, choices[0][2], **layout)
    if len(choices) > 1:
        # Places are told in heights of the plot: this one is always as far above it.
        above = 1 + 10 / (made["layout"]["height"] - 170)
        menu = {"buttons": buttons, "x": 1, "xanchor": "right", "y": above, "yanchor": "bottom", "showactive": True}
        made["layout"]["updatemenus"] = [menu]
    return made
