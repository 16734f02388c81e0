"""Dashboards as the files that Superset imports."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from infra.superset.dashboards import layout
from infra.superset.dashboards.charts import Chart
from infra.superset.dashboards.colours import LABEL_COLOURS
from infra.superset.dashboards.datasets import DATASETS, Dataset
from infra.superset.dashboards.filters import Filter, conditions, native
from infra.superset.dashboards.identity import uuid_of
from infra.superset.dashboards.layout import Dashboard

_TYPES = {"string": "TEXT", "integer": "BIGINT", "float": "REAL", "boolean": "BOOLEAN", "time": "TIMESTAMP"}
_VERSION = "1.0.0"
_DATABASE = {
    "database_name": "Fedlog",
    "sqlalchemy_uri": "shillelagh+safe://",
    "cache_timeout": None,
    "expose_in_sqllab": True,
    "allow_run_async": False,
    "allow_ctas": False,
    "allow_cvas": False,
    "allow_dml": False,
    "allow_csv_upload": False,
    "extra": {
        "allows_virtual_table_explore": True,
        "engine_params": {"adapters": ["fedlog"]},
        "metadata_params": {},
    },
    "uuid": uuid_of("database", "fedlog"),
    "version": _VERSION,
}


def files(dashboards: Iterable[Dashboard]) -> dict[str, str]:
    """All files of the export, by their path below its folder."""
    found: dict[str, Any] = {
        "metadata.yaml": {"version": _VERSION, "type": "assets", "timestamp": "2025-01-01T00:00:00+00:00"},
        "databases/fedlog.yaml": _DATABASE,
    }
    for dataset in DATASETS.values():
        found[f"datasets/Fedlog/{dataset.name}.yaml"] = _dataset(dataset)
    for dashboard in dashboards:
        found[f"dashboards/{dashboard.slug.replace('-', '_')}.yaml"] = _dashboard(dashboard)
        for chart in layout.charts(dashboard):
            path = f"charts/{chart.name}.yaml"
            assert path not in found, path
            found[path] = _chart(chart, dashboard.filters)
    return {path: yaml.dump(content, Dumper=_Dumper, **_STYLE) for path, content in sorted(found.items())}


def write(folder: Path, wanted: dict[str, str]) -> None:
    """Make the folder's files these and no others."""
    for path in folder.rglob("*.yaml"):
        if str(path.relative_to(folder)) not in wanted:
            path.unlink()
    for name, text in wanted.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


_STYLE: dict[str, Any] = {"sort_keys": False, "allow_unicode": True, "width": 120}


class _Dumper(yaml.SafeDumper):
    """Without references to what was said before: each file is read piece by piece."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _dataset(dataset: Dataset) -> dict[str, Any]:
    columns = [_column(name, kind, "", dataset.label(name)) for name, kind in dataset.columns.items()]
    columns += [_column(name, "string", sql, dataset.label(name)) for name, sql in dataset.computed.items()]
    return {
        "table_name": dataset.name,
        "main_dttm_col": dataset.time,
        "description": dataset.about,
        "default_endpoint": None,
        "offset": 0,
        "cache_timeout": None,
        "schema": None,
        "sql": dataset.sql and dataset.sql.strip(),
        "params": None,
        "template_params": None,
        "filter_select_enabled": True,
        "extra": None,
        "normalize_columns": False,
        "always_filter_main_dttm": False,
        "uuid": uuid_of("dataset", dataset.name),
        "metrics": [
            {
                "metric_name": name,
                "verbose_name": metric.label,
                "metric_type": None,
                "expression": metric.sql,
                "description": None,
                "d3format": metric.number,
                "extra": {},
                "warning_text": None,
            }
            for name, metric in dataset.metrics.items()
        ],
        "columns": columns,
        "version": _VERSION,
        "database_uuid": uuid_of("database", "fedlog"),
    }


def _column(name: str, kind: str, sql: str, label: str) -> dict[str, Any]:
    return {
        "column_name": name,
        "verbose_name": label if label != name else None,
        "is_dttm": kind == "time",
        "is_active": True,
        "type": _TYPES[kind],
        "groupby": True,
        "filterable": True,
        "expression": sql,
        "description": None,
    }


def _chart(chart: Chart, filters: Iterable[Filter]) -> dict[str, Any]:
    where = list(chart.where)
    if chart.dataset.time:
        where.append((chart.dataset.time, "TEMPORAL_RANGE", "No filter"))
    always = [{"col": column, "op": op, "val": value} for column, op, value in where]
    # Who asks without a browser gets what the dashboard shows at first.
    asked = [*always, *conditions(filters, chart)]
    simple = [
        {"clause": "WHERE", "expressionType": "SIMPLE", "subject": column, "operator": op, "comparator": value}
        for column, op, value in where
    ]
    params = {"viz_type": chart.viz, "datasource": "0__table", "adhoc_filters": simple, **chart.params}
    if chart.viz == "mixed_timeseries":
        params["adhoc_filters_b"] = simple
    context = {
        "datasource": {"id": 0, "type": "table"},
        "force": False,
        "queries": [{**query, "filters": asked, "annotation_layers": [], "url_params": {}} for query in chart.queries],
        "result_format": "json",
        "result_type": "full",
        "form_data": {"viz_type": chart.viz},
    }
    return {
        "slice_name": chart.title,
        "description": chart.about or None,
        "certified_by": None,
        "certification_details": None,
        "viz_type": chart.viz,
        "params": params,
        "query_context": json.dumps(context, ensure_ascii=False),
        "cache_timeout": None,
        "uuid": uuid_of("chart", chart.name),
        "version": _VERSION,
        "dataset_uuid": uuid_of("dataset", chart.dataset.name),
    }


def _colours() -> dict[str, str]:
    """Of labels, and of metrics that have them: Superset goes by the name of what is not grouped."""
    metrics = {name: metric.label for dataset in DATASETS.values() for name, metric in dataset.metrics.items()}
    return LABEL_COLOURS | {name: LABEL_COLOURS[label] for name, label in metrics.items() if label in LABEL_COLOURS}


def _dashboard(dashboard: Dashboard) -> dict[str, Any]:
    return {
        "dashboard_title": dashboard.title,
        "description": dashboard.about,
        "css": "",
        "slug": dashboard.slug,
        "certified_by": "",
        "certification_details": "",
        "published": True,
        "uuid": uuid_of("dashboard", dashboard.slug),
        "position": layout.position(dashboard),
        "metadata": {
            "color_scheme": "supersetColors",
            "refresh_frequency": dashboard.refresh_s,
            "timed_refresh_immune_slices": [],
            "expanded_slices": {},
            "label_colors": _colours(),
            "shared_label_colors": [],
            "cross_filters_enabled": True,
            "default_filters": "{}",
            "native_filter_configuration": native(dashboard.slug, dashboard.filters, layout.charts(dashboard)),
        },
        "version": _VERSION,
    }
