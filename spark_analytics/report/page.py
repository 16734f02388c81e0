"""The page: one HTML file that needs nothing else. Pure; the same content gives the same page."""

import json
from base64 import b64encode
from hashlib import sha256
from html import escape

from spark_analytics.report.drawing import Figure
from spark_analytics.report.parts import Content, parts
from spark_analytics.scores.sections import Section
from spark_analytics.scores.text import numeric
from spark_analytics.scores.wording import count, minute

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
    head = f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy(plotly_js, DRAW)}">'
    head += f"<title>{escape(title)}</title><style>{STYLE}</style><script>{plotly_js}</script>"
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head>\n<body>\n'
        + "\n".join(body)
        + (f"\n<script>{DRAW}</script>\n</body></html>\n")
    )


def policy(*scripts: str) -> str:
    """What a browser lets the page do: run its own scripts and no others, set styles, make pictures; fetch nothing.

    Args:
        scripts: their sources.
    """
    own = " ".join(f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" for script in scripts)
    rules = ("default-src 'none'", f"script-src {own}", "style-src 'unsafe-inline'", "img-src data: blob:")
    return "; ".join((*rules, "base-uri 'none'", "form-action 'none'"))


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
