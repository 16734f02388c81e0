"""What is on the page, in order, and what it says where there is nothing. Pure."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from spark_analytics.report import error_plots, event_plots, fleet_plots, series_plot
from spark_analytics.report.drawing import RUNS, Figure, drawn
from spark_analytics.report.offsets import Stretches
from spark_analytics.scores import sections
from spark_analytics.scores.ranking import LABELS
from spark_analytics.scores.sections import Section
from spark_analytics.scores.wording import ALARMS, MINUTE_MS, count, minute

if TYPE_CHECKING:
    from spark_analytics.scores.tables import Tables


class Content(NamedTuple):
    """What a page is made from.

    Attributes:
        tables: of the forecasts.
        decisions: of the models (``decisions.decisions``).
        findings: of fleet analytics (``fleet_plots.findings``).
        points: of chosen devices (``series_plot.forecasts``).
        devices: that are chosen, in order.
        step_ms: between two points, ms.
        bin_ms: between two forecasts of a device, ms.
        offsets: of the topics that were read.
        command: that makes the page again.
    """

    tables: "Tables"
    decisions: pd.DataFrame
    findings: pd.DataFrame
    points: pd.DataFrame
    devices: Sequence[str]
    step_ms: int
    bin_ms: int
    offsets: Stretches
    command: str


class Part(NamedTuple):
    """A part of the page: a heading, sentences, figures, tables."""

    heading: str
    words: Sequence[str] = ()
    figures: Sequence[Figure] = ()
    tables: Sequence[Section] = ()


def parts(content: Content) -> list[Part]:
    """All that is on the page, in order. A part without figures and tables says what to start."""
    made = (summary, over_time, by_version, forecasts, worst, alarms, agreement, models, fleet)
    return [make(content) for make in made]


def summary(content: Content) -> Part:
    """Numbers first."""
    tables = content.tables
    if tables.runs.empty:
        return Part("Summary", [sections.NOTHING])
    words = []
    hidden = [run for run in tables.runs["run"] if run not in drawn(tables.runs["run"])]
    if hidden:
        words.append(
            f"Plots have {RUNS} runs at most, of batch those with the newest versions: not {', '.join(hidden)}."
        )
    return Part("Summary", words, (), [sections.runs(tables), sections.fleet(tables)])


def over_time(content: Content) -> Part:
    """Errors over time, with promotions and rollbacks."""
    heading, tables = "Error over time", content.tables
    if tables.times.empty:
        return Part(
            heading, ["Nothing has been scored yet. `make up` starts the devices, `make batch` needs no waiting."]
        )
    words = ["Dotted: persistence (“it stays as it is”) on the same targets. Below: what became of versions."]
    return Part(heading, words, [error_plots.over_time(tables.times, content.decisions, tables.bucket_ms)])


def by_version(content: Content) -> Part:
    """Errors of versions."""
    heading, tables = "Error by version of the global model", content.tables
    if tables.versions.empty:
        return Part(heading, ["Nothing has been scored yet: `make up`, or `make batch VERSION=n` for one version."])
    words = ["Versions are judged on the targets of their own time, so neighbours compare, and those far apart do not."]
    words += ["`batch` judges each of its versions on all the targets of its range."]
    return Part(heading, words, [error_plots.by_version(tables.versions)])


def forecasts(content: Content) -> Part:
    """Forecasts against what was measured."""
    heading = "Forecast against measured"
    figures = [series_plot.forecasts(content.points, device, content.step_ms) for device in content.devices]
    figures = [figure for figure in figures if figure]
    if not figures:
        return Part(
            heading, ["There is nothing to show: `make up` starts what forecasts, DEVICES=a,b chooses devices."]
        )
    words = [f"Devices: {', '.join(content.devices)}. A forecast stands at the moment that it is for."]
    if content.step_ms > content.bin_ms:
        every = content.step_ms // content.bin_ms
        words.append(f"Thinned: of {every} forecasts, {content.bin_ms // MINUTE_MS} minutes apart, one is drawn.")
    return Part(heading, words, figures)


def worst(content: Content) -> Part:
    """Devices, the worst first."""
    heading, tables = "Worst devices", content.tables
    figure = error_plots.worst_devices(tables.devices, tables.fleet)
    if not figure:
        return Part(heading, [f"No device has {LABELS} scored forecasts yet: `make up`, or `make batch`."])
    words = ["All together: error over the fleet's persistence, mean over temperature, humidity and horizons."]
    detailed = sections.devices(tables)
    return Part(heading, words, [figure], [] if detailed is None else [detailed])


def alarms(content: Content) -> Part:
    """Alarmed bins over time."""
    heading, tables = "Anomalies", content.tables
    if tables.alarms.empty:
        return Part(heading, ["No bin is alarmed. Alarms come with scored forecasts: `make up`, or `make batch`."])
    every = int(tables.faults["bins"].sum())
    words = [f"Of {count(every)} alarmed bins the {count(ALARMS)} severest are drawn."] if every > ALARMS else []
    words.append("Grey bars: the episodes that `make analytics` has found.")
    figure = event_plots.alarms(tables.alarms, content.findings)
    return Part(heading, words, [figure], [sections.alarms(tables)])


def agreement(content: Content) -> Part:
    """Stream against batch."""
    heading, tables = "Batch against stream", content.tables
    found = sections.reasons(tables)
    if found is None:
        return Part(heading, ["There are no batch forecasts in this range: `make batch` (VERSION=n) makes them."])
    apart = sections.agreement(tables)
    if apart is None:
        return Part(heading, ["The stream has forecast nothing that batch has: `make up` starts it."], (), [found])
    return Part(
        heading, apart.remarks, [event_plots.differences(tables.differences)], [found, apart._replace(remarks=())]
    )


def models(content: Content) -> Part:
    """What an operator decided."""
    heading, found = "Rollbacks", content.decisions
    if found.empty:
        return Part(heading, ["No version of the global model has been decided on yet: `make up`, then `make models`."])
    counts = found["state"].value_counts()
    words = [", ".join(f"{count(counts[state])} {error_plots.named(state)}" for state in sorted(counts.index)) + "."]
    by_hand = found[found["state"].isin(error_plots.BY_HAND)]
    rows = [
        (minute(r.moment), str(r.version), error_plots.named(r.state), r.by, r.reason) for r in by_hand.itertuples()
    ]
    head = ("window to", "version", "state", "by", "reason")
    return Part(heading, words, (), [Section("Rolled back, pinned, released", head, rows)] if rows else ())


def fleet(content: Content) -> Part:
    """What fleet analytics have found."""
    heading, found = "Fleet", content.findings
    if found.empty:
        return Part(
            heading, ["Nothing is said of the fleet's days yet: `make analytics` says it of those that are over."]
        )
    figures = [made for made in (fleet_plots.days(found), fleet_plots.neighbours(found)) if made]
    weakest = fleet_plots.weakest(found)
    return Part(heading, (), figures, [] if weakest is None else [weakest])
