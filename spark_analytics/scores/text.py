"""``Tables`` for the terminal. Pure."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from spark_analytics.scores.sections import Section, sections

if TYPE_CHECKING:
    from spark_analytics.scores.tables import Tables


def report(tables: "Tables") -> str:
    """All sections, one below the other."""
    return "\n\n".join("\n".join(_lines(section)) for section in sections(tables))


def _lines(section: Section) -> list[str]:
    title = f"{section.title}:" if section.rows else section.title
    return [title, *(table(section.head, section.rows) if section.rows else ()), *section.remarks]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns below their names; numbers to the right."""
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    pads = [str.rjust if numeric(column) else str.ljust for column in zip(*rows, strict=True)]
    return [
        "  ".join(pad(cell, width) for pad, cell, width in zip(pads, row, widths, strict=True)).rstrip()
        for row in (head, *rows)
    ]


def numeric(column: Sequence[str]) -> bool:
    """Whether all cells begin as numbers do, or are dashes."""
    return all(cell[:1].isdecimal() or cell[:1] in ("-", "–") for cell in column)
