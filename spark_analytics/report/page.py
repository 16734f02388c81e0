"""The page: one HTML file that needs nothing else. Pure; the same log gives the same page."""

import json
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from spark_analytics.report import error_plots, event_plots, fleet_plots, series_plot
from spark_analytics.report.drawing import RUNS, Figure, drawn
from spark_analytics.report.offsets import Stretches
from spark_analytics.scores import sections
from spark_analytics.scores.ranking import LABELS
from spark_analytics.scores.sections import Section
from spark_analytics.scores.text import numeric
from spark_analytics.scores.wording import ALARMS, MINUTE_MS, count, minute

if TYPE_CHECKING:
    from spark_analytics.scores.tables import Tables

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1a1a1a; max-width: 1200px; margin: 2em auto; padding: 0 1em }
h1, h2 { line-height: 1.2 } h2 { margin-top: 2.2em; border-bottom: 1px solid #ccc }
.wide { overflow-x: auto } table { border-collapse: collapse; font-size: 13px }
th, td { padding: 2px 10px 2px 0; text-align: left; white-space: nowrap } th { border-bottom: 1px solid #999 }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums }
.loud { background: #FFF3CD; border-left: 6px solid #E69F00; padding: .6em 1em }
.quiet { color: #555 } code { background: #f3f3f3; padding: 0 3px }
"""
DRAW = """
for (const told of document.querySelectorAll('script[type="application/json"]')) {
  const figure = JSON.parse(told.textContent);
  Plotly.newPlot(told.dataset.target, figure.data, figure.layout, {responsive: true, displaylogo: false});
}
"""


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
    return Part(heading, words, [figure])


def alarms(content: Content) -> Part:
    """Alarmed bins over time."""
    heading, tables = "Anomalies", content.tables
    if tables.alarms.empty:
        return Part(heading, ["No bin is alarmed. Alarms come with scored forecasts: `make up`, or `make batch`."])
    every = int(tables.faults["bins"].sum())
    words = [f"Of {count(every)} alarmed bins the {count(ALARMS)} severest are drawn."] if every > ALARMS else []
    return Part(heading, words, [event_plots.alarms(tables.alarms)], [sections.alarms(tables)])


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


def page(content: Content, plotly_js: str) -> str:
    """The HTML text.

    Args:
        content: what it is made from.
        plotly_js: the source of plotly.js.
    """
    runs = content.tables.runs
    names = sorted({name for own in runs["datasets"] for name in own})
    title = "Fedlog: forecasts on the log"
    if len(runs):
        title = f"Fedlog: forecasts made from {minute(runs['first'].min())} to {minute(runs['last'].max())} UTC"
    body = [f"<h1>{escape(title)}</h1>"]
    if names:
        body.append(f"<p>Data set: {escape(', '.join(names))}. All moments are event time, UTC.</p>")
    if synthetic := [name for name in names if "synthetic" in name]:
        body.append(
            f'<p class="loud">The data of {escape(", ".join(synthetic))} are synthetic: no sensor measured them.</p>'
        )
    drawn_so_far = 0
    for part in parts(content):
        body.append(f"<h2>{escape(part.heading)}</h2>")
        body += [f"<p>{words(sentence)}</p>" for sentence in part.words]
        for figure in part.figures:
            body += figure_of(figure, f"figure-{drawn_so_far}")
            drawn_so_far += 1
        for section in part.tables:
            body += table_of(section)
    body += made_from(content)
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style><script>{plotly_js}</script>'
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head>\n<body>\n'
        + "\n".join(body)
        + (f"\n<script>{DRAW}</script>\n</body></html>\n")
    )


def words(sentence: str) -> str:
    """A sentence as HTML, commands between backticks set as such."""
    spans = escape(sentence, quote=False).split("`")
    return "".join(f"<code>{text}</code>" if i % 2 else text for i, text in enumerate(spans))


def figure_of(figure: Figure, name: str) -> list[str]:
    """A place for a figure, and the figure's JSON, in which no tag can end the script."""
    told = json.dumps(figure, ensure_ascii=False, allow_nan=False, separators=(",", ":")).replace("</", "<\\/")
    return [f'<div id="{name}"></div>', f'<script type="application/json" data-target="{name}">{told}</script>']


def table_of(section: Section) -> list[str]:
    """A titled table as HTML."""
    kinds = [' class="number"' if numeric(column) else "" for column in zip(*section.rows, strict=True)]
    lines = [f"<h3>{escape(section.title)}</h3>"]
    if section.rows:
        cells = [f"<th{kind}>{escape(name)}</th>" for kind, name in zip(kinds, section.head, strict=True)]
        lines += ['<div class="wide"><table>', f"<thead><tr>{''.join(cells)}</tr></thead><tbody>"]
        for row in section.rows:
            cells = [f"<td{kind}>{escape(cell)}</td>" for kind, cell in zip(kinds, row, strict=True)]
            lines.append(f"<tr>{''.join(cells)}</tr>")
        lines.append("</tbody></table></div>")
    return [*lines, *(f"<p>{words(remark)}</p>" for remark in section.remarks)]


def made_from(content: Content) -> list[str]:
    """Which records the page was made from, and how to make it again."""
    rows = [
        (topic, str(partition), count(stretch.start), count(stretch.end))
        for topic, own in content.offsets.items()
        for partition, stretch in own.items()
    ]
    section = Section("Offsets of the log", ("topic", "partition", "from", "to before"), rows)
    again = f"The same page again, whatever has come since: `{content.command}`"
    return ["<h2>Made from</h2>", *table_of(section), f"<p>{words(again)}</p>"]
