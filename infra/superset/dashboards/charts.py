"""Kinds of charts: each function says in Superset's words what is asked of a data set, and how it is drawn."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from infra.superset.dashboards.colours import SEQUENTIAL
from infra.superset.dashboards.datasets import DATASETS, Dataset

Where = tuple[str, str, Any]
"""A column, one of Superset's operators, and a value."""

CLOCK, DATE = "%d %b %H:%M", "%d %b"
_TIMESERIES = {
    "show_legend": True,
    "legendType": "scroll",
    "legendOrientation": "top",
    "rich_tooltip": True,
    "tooltipTimeFormat": "%Y-%m-%d %H:%M",
    "x_axis_title_margin": 26,
    "y_axis_title_margin": 50,
    "y_axis_title_position": "Left",
    "y_axis_bounds": [None, None],
    "color_scheme": "supersetColors",
    "only_total": True,
    "sort_series_type": "name",
    "sort_series_ascending": True,
    "x_axis_sort_asc": True,
    "truncate_metric": True,
    "zoomable": False,
}


class Chart(NamedTuple):
    """A chart.

    Attributes:
        name: of its file; decides its identity.
        title: what people read; unique on a dashboard.
        about: one sentence more, shown on hovering.
        dataset: what it asks.
        where: conditions it always sets, beside those of the dashboard's filters.
        params: Superset's form.
        queries: what the form comes to, for whoever asks without a browser; conditions are added when it is written.
    """

    name: str
    title: str
    about: str
    dataset: Dataset
    viz: str
    where: tuple[Where, ...]
    params: dict[str, Any]
    queries: tuple[dict[str, Any], ...]


def line(
    name: str,
    title: str,
    dataset: str,
    *,
    x: str,
    metrics: Sequence[str],
    unit: str,
    about: str = "",
    by: Sequence[str] = (),
    where: Sequence[Where] = (),
    grain: str | None = None,
    gaps: str | None = None,
    number: str = ".2~f",
    kind: str = "line",
    clock: str = CLOCK,
    **more: Any,
) -> Chart:
    """Lines over time or over a number: one for each of ``metrics`` and each value of ``by``.

    ``unit`` stands at the y axis. ``grain`` is the ISO 8601 duration that times are rounded down to. Where there is
    nothing for longer than ``gaps``, a duration in pandas' words, the line breaks. ``kind`` is Superset's name for the
    marks, ``number`` and ``clock`` are formats in d3's words, ``more`` is anything of Superset's form.
    """
    source = DATASETS[dataset]
    params = {
        **_TIMESERIES,
        **_axis(source, x, grain, clock),
        "metrics": list(metrics),
        "groupby": list(by),
        "seriesType": kind,
        "markerEnabled": kind == "scatter",
        "markerSize": 8 if kind == "scatter" else 4,
        "opacity": 0.2,
        "y_axis_title": unit,
        "y_axis_format": number,
        "truncateYAxis": False,
        "row_limit": 10_000,
        **_gaps(gaps),
        **more,
    }
    query = _timeseries(source, x, grain, metrics, by)
    return Chart(name, title, about, source, f"echarts_timeseries_{kind}", tuple(where), params, (query,))


def scatter(name: str, title: str, dataset: str, **what: Any) -> Chart:
    """Points; arguments as of ``line``."""
    return line(name, title, dataset, kind="scatter", **what)


def bar(name: str, title: str, dataset: str, *, stacked: bool = False, **what: Any) -> Chart:
    """Bars, beside or on each other; further arguments as of ``line``."""
    stack = {"stack": "Stack"} if stacked else {}
    return line(name, title, dataset, kind="bar", **{"number": ",d", "orientation": "vertical", **stack, **what})


def marked_line(
    name: str,
    title: str,
    dataset: str,
    *,
    x: str,
    metrics: Sequence[str],
    marks: Sequence[str],
    unit: str,
    gaps: str,
    about: str = "",
    where: Sequence[Where] = (),
    number: str = ".1f",
) -> Chart:
    """Lines over time that break at gaps, with big points where one of ``marks`` has a value."""
    source = DATASETS[dataset]
    layer = {"groupby": [], "row_limit": 10_000, "order_desc": True, "truncate_metric": True}
    params = {
        **_TIMESERIES,
        **_axis(source, x, None),
        **layer,
        **{f"{key}_b": value for key, value in layer.items()},
        "metrics": list(metrics),
        "metrics_b": list(marks),
        **{"seriesType": "line", "markerEnabled": False, "yAxisIndex": 0, "opacity": 0.2, "area": False, "stack": None},
        **{"seriesTypeB": "scatter", "markerEnabledB": True, "markerSizeB": 10, "yAxisIndexB": 0, "stackB": None},
        **_gaps(gaps),
        "y_axis_title": unit,
        "y_axis_format": number,
        "truncateYAxis": True,
    }
    queries = (_timeseries(source, x, None, metrics, ()), _timeseries(source, x, None, marks, ()))
    return Chart(name, title, about, source, "mixed_timeseries", tuple(where), params, queries)


def big_number(
    name: str,
    title: str,
    dataset: str,
    *,
    metric: str,
    says: str,
    about: str = "",
    where: Sequence[Where] = (),
    number: str = ",d",
) -> Chart:
    """One number, and under it what it ``says``."""
    params = {
        "metric": metric,
        "header_font_size": 0.4,
        "subheader_font_size": 0.125,
        "subtitle": says,
        "y_axis_format": number,
    }
    query = _query([], [metric], [], 1)
    return Chart(name, title, about, DATASETS[dataset], "big_number_total", tuple(where), params, (query,))


def trend(name: str, title: str, dataset: str, *, x: str, metric: str, says: str, about: str = "") -> Chart:
    """The newest value of a number, big, over its course."""
    source = DATASETS[dataset]
    params = {
        **_axis(source, x, None),
        "metric": metric,
        "aggregation": "LAST_VALUE",
        "show_trend_line": True,
        "start_y_axis_at_zero": True,
        "header_font_size": 0.4,
        "subheader_font_size": 0.125,
        "subtitle": says,
        "y_axis_format": ",d",
        "row_limit": 10_000,
    }
    return Chart(name, title, about, source, "big_number", (), params, (_timeseries(source, x, None, [metric], ()),))


def table(
    name: str,
    title: str,
    dataset: str,
    *,
    columns: Sequence[str],
    metrics: Sequence[str] = (),
    order: Mapping[str, bool],
    rows: int,
    about: str = "",
    where: Sequence[Where] = (),
    numbers: Mapping[str, str] | None = None,
    page: int = 10,
) -> Chart:
    """A table: of rows as they are, or where there are metrics, of groups of rows that agree in ``columns``.

    ``order`` says by what and whether upwards (of groups, one metric), ``rows`` how many are asked for at most,
    ``page`` how many are seen at once, ``numbers`` the formats of columns in d3's words.
    """
    params: dict[str, Any] = {
        "query_mode": "aggregate" if metrics else "raw",
        "all_columns": [] if metrics else list(columns),
        "groupby": list(columns) if metrics else [],
        "metrics": list(metrics),
        "percent_metrics": [],
        "row_limit": rows,
        "page_length": page,
        "server_pagination": False,
        "table_timestamp_format": "%Y-%m-%d %H:%M",
        "show_cell_bars": False,
        "color_pn": False,
        "include_search": rows > 100,
        "allow_rearrange_columns": False,
        "column_config": {column: {"d3NumberFormat": number} for column, number in (numbers or {}).items()},
    }
    if metrics:
        [(metric, upwards)] = order.items()
        params |= {"timeseries_limit_metric": metric, "order_desc": not upwards}
    else:
        params["order_by_cols"] = [f'["{column}", {str(upwards).lower()}]' for column, upwards in order.items()]
    query = _query(list(columns), list(metrics), [[by, upwards] for by, upwards in order.items()], rows)
    return Chart(name, title, about, DATASETS[dataset], "table", tuple(where), params, (query,))


def pivot(
    name: str,
    title: str,
    dataset: str,
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    metrics: Sequence[str],
    about: str = "",
    where: Sequence[Where] = (),
    number: str = ".3f",
) -> Chart:
    """A table with a column for each value of ``columns``."""
    params = {
        "groupbyRows": list(rows),
        "groupbyColumns": list(columns),
        "metrics": list(metrics),
        "metricsLayout": "COLUMNS",
        "aggregateFunction": "Average",
        "valueFormat": number,
        "rowOrder": "key_a_to_z",
        "colOrder": "key_a_to_z",
        "order_desc": True,
        "row_limit": 10_000,
    }
    query = _query([*rows, *columns], list(metrics), [[metrics[0], False]], 10_000)
    return Chart(name, title, about, DATASETS[dataset], "pivot_table_v2", tuple(where), params, (query,))


def bubble(
    name: str,
    title: str,
    dataset: str,
    *,
    entity: str,
    series: str,
    metrics: Sequence[str],
    units: Sequence[str],
    about: str = "",
    where: Sequence[Where] = (),
    size: str = "10",
    number: str = ".2f",
) -> Chart:
    """A disc for each ``entity``, coloured by ``series``: ``metrics`` are x, y and size, ``units`` are of the axes.

    The biggest disc is twice ``size`` pixels wider than the smallest. Series are listed by their letters.
    """
    x, y, extent = metrics
    params = {
        "entity": entity,
        "series": series,
        **{"x": x, "y": y, "size": extent},
        "max_bubble_size": size,
        "color_scheme": "supersetColors",
        "opacity": 0.9,
        "show_legend": True,
        "legendType": "plain",
        "legendOrientation": "top",
        "legendSort": "asc",
        **{"x_axis_label": units[0], "x_axis_title_margin": 30, "xAxisFormat": ",d", "xAxisBounds": [None, None]},
        **{"y_axis_label": units[1], "y_axis_title_margin": 40, "y_axis_format": ",d", "y_axis_bounds": [None, None]},
        "tooltipSizeFormat": number,
        "truncateXAxis": False,
        "truncateYAxis": False,
        "row_limit": 1_000,
    }
    query = _query([entity, series], list(metrics), [], 1_000)
    return Chart(name, title, about, DATASETS[dataset], "bubble_v2", tuple(where), params, (query,))


def heatmap(
    name: str,
    title: str,
    dataset: str,
    *,
    x: str,
    y: str,
    metric: str,
    about: str = "",
    where: Sequence[Where] = (),
    number: str = ".2f",
    colours: str = SEQUENTIAL,
    bounds: Sequence[float | None] = (None, None),
    values: bool = False,
    clock: str = CLOCK,
) -> Chart:
    """A coloured cell for each pair of values of two columns."""
    source = DATASETS[dataset]
    params = {
        **_axis(source, x, None, clock),
        "groupby": y,
        "metric": metric,
        "sort_x_axis": "alpha_asc",
        "sort_y_axis": "alpha_desc",
        "normalize_across": "heatmap",
        "legend_type": "continuous",
        "linear_color_scheme": colours,
        "value_bounds": list(bounds),
        "y_axis_format": number,
        "show_legend": True,
        "show_percentage": False,
        "show_values": values,
        "xscale_interval": -1,
        "yscale_interval": -1,
        "left_margin": "auto",
        "bottom_margin": "auto",
        "row_limit": 10_000,
    }
    query = _timeseries(source, x, None, [metric], [y])
    return Chart(name, title, about, source, "heatmap_v2", tuple(where), params, (query,))


def _axis(source: Dataset, x: str, grain: str | None, clock: str = CLOCK) -> dict[str, Any]:
    axis: dict[str, Any] = {"x_axis": x, "x_axis_title": source.label(x), "xAxisForceCategorical": False}
    if source.is_time(x):
        axis |= {"x_axis_time_format": clock, "time_grain_sqla": grain}
    return axis


def _gaps(distance: str | None) -> dict[str, Any]:
    return {"resample_rule": distance, "resample_method": "asfreq"} if distance else {}


def _timeseries(
    source: Dataset, x: str, grain: str | None, metrics: Sequence[str], by: Sequence[str]
) -> dict[str, Any]:
    column: Any = x
    if source.is_time(x):
        column = {"columnType": "BASE_AXIS", "sqlExpression": x, "label": x, "expressionType": "SQL"}
        if grain:
            column["timeGrain"] = grain
    query = _query([column, *by], list(metrics), [[metrics[0], False]], 10_000)
    return query | {"extras": {"time_grain_sqla": grain}} if grain else query


def _query(columns: list[Any], metrics: list[str], order: list[Any], rows: int) -> dict[str, Any]:
    return {"columns": columns, "metrics": metrics, "orderby": order, "row_limit": rows, "extras": {}}
