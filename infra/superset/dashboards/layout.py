"""Where charts stand: rows of twelve columns, some of them behind tabs."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from infra.superset.dashboards.charts import Chart
from infra.superset.dashboards.filters import Filter
from infra.superset.dashboards.identity import uuid_of


class Row(NamedTuple):
    """Charts beside each other.

    Attributes:
        height: in units of 8 pixels.
        cells: charts with their widths, twelve in all.
    """

    height: int
    cells: tuple[tuple[Chart, int], ...]


class Tabs(NamedTuple):
    """Rows of which those of one title are seen; only what is seen is asked for."""

    tabs: Mapping[str, Sequence[Row]]


class Dashboard(NamedTuple):
    """A dashboard.

    Attributes:
        slug: its address.
        title: what people read.
        about: one sentence, for the list of dashboards.
        note: Markdown at its top.
        filters: in the order of the filter bar.
        rows: from above.
        refresh_s: after how long it asks again, seconds; never if 0.
    """

    slug: str
    title: str
    about: str
    note: str
    filters: tuple[Filter, ...]
    rows: tuple[Row | Tabs, ...]
    refresh_s: int = 0


def row(height: int, *cells: tuple[Chart, int]) -> Row:
    """Charts beside each other, each with its width."""
    assert sum(width for _, width in cells) == 12, [(chart.name, width) for chart, width in cells]
    return Row(height, cells)


def charts(dashboard: Dashboard) -> list[Chart]:
    """Its charts, from above; the place in this list, from one on, is what filters know them by."""
    return [chart for each in _rows(dashboard.rows) for chart, _ in each.cells]


def _rows(parts: Sequence[Row | Tabs]) -> Iterator[Row]:
    for part in parts:
        if isinstance(part, Row):
            yield part
        else:
            for inner in part.tabs.values():
                yield from inner


def position(dashboard: Dashboard) -> dict[str, Any]:
    """The dashboard's layout in Superset's words."""
    numbers = {chart.name: place for place, chart in enumerate(charts(dashboard), 1)}
    places: dict[str, Any] = {
        "DASHBOARD_VERSION_KEY": "v2",
        "ROOT_ID": {"type": "ROOT", "id": "ROOT_ID", "children": ["GRID_ID"]},
        "HEADER_ID": {"type": "HEADER", "id": "HEADER_ID", "meta": {"text": dashboard.title}},
    }

    def place(kind: str, name: str, parents: list[str], children: list[str], **meta: Any) -> str:
        id_ = f"{kind}-{name}"
        places[id_] = {"type": kind, "id": id_, "children": children, "parents": parents, "meta": meta}
        return id_

    def put(each: Row, name: str, parents: list[str]) -> str:
        inside = [*parents, f"ROW-{name}"]
        cells = [_chart(each.height, inside, *cell) for cell in each.cells]
        return place("ROW", name, parents, cells, background="BACKGROUND_TRANSPARENT")

    def _chart(height: int, parents: list[str], chart: Chart, width: int) -> str:
        uuid = uuid_of("chart", chart.name)
        meta = {"chartId": numbers[chart.name], "uuid": uuid, "sliceName": chart.title}
        return place("CHART", chart.name, parents, [], **meta, width=width, height=height)

    top = ["ROOT_ID", "GRID_ID"]
    note = place("MARKDOWN", "note", [*top, "ROW-note"], [], code=dashboard.note, width=12, height=_lines(dashboard))
    children = [place("ROW", "note", top, [note], background="BACKGROUND_TRANSPARENT")]
    for number, part in enumerate(dashboard.rows, 1):
        if isinstance(part, Row):
            children.append(put(part, str(number), top))
            continue
        tabs, inside = [], [*top, f"TABS-{number}"]
        for place_, (title, rows) in enumerate(part.tabs.items(), 1):
            name = f"{number}-{place_}"
            within = [*inside, f"TAB-{name}"]
            below = [put(each, f"{name}-{i}", within) for i, each in enumerate(rows, 1)]
            tabs.append(place("TAB", name, inside, below, text=title))
        children.append(place("TABS", str(number), top, tabs))
    places["GRID_ID"] = {"type": "GRID", "id": "GRID_ID", "children": children, "parents": ["ROOT_ID"]}
    return places


def _lines(dashboard: Dashboard) -> int:
    """Height that the note needs, at some 170 characters a line."""
    return 4 + 3 * sum(1 + len(line) // 170 for line in dashboard.note.splitlines() if line)
