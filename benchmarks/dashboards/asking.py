"""What a dashboard's first view asks of Superset: every chart and filter, as a browser does that nobody has touched."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import httpx
import psutil

from infra.superset.check import count_of, told
from infra.superset.dashboards import layout
from infra.superset.dashboards.filters import Filter, applies
from infra.superset.dashboards.layout import Dashboard

NONE_CHOSEN = " (no device)"
"""Behind the title of a chart of one device, where it is asked without one."""

CONNECTIONS = 6
"""That a browser opens to one server at a time."""


class Question(NamedTuple):
    """What one chart, or one filter, asks.

    Attributes:
        dashboard: its slug.
        title: as people read it.
        body: as Superset takes it.
    """

    dashboard: str
    title: str
    body: dict[str, Any]


class Answer(NamedTuple):
    """How long it took (s), what the servers computed for it (s of one core), and how many rows with a value came."""

    seconds: float
    cpu_s: float
    rows: int


def questions(client: httpx.Client, dashboard: Dashboard) -> Iterator[Question]:
    """All of the first view; charts of one device at a time are asked once for the first, and once for all devices.

    Raises:
        ChartError: the dashboard is not there, or the values of a filter do not come.
    """
    known = told(client.get(f"/api/v1/dashboard/{dashboard.slug}/charts"), dashboard.slug)["result"]
    ids = {chart["slice_name"]: chart["id"] for chart in known}
    datasets = _datasets(client)
    first: dict[str, Any] = {}
    for each in dashboard.filters:
        if each.kind != "time":
            question = Question(dashboard.slug, f"filter: {each.name}", _values(datasets[each.dataset], each))
            yield question
            if each.first:
                first[each.column] = min(row[each.column] for row in asked(client, question)["result"][0]["data"])
    for chart in layout.charts(dashboard):
        saved = told(client.get(f"/api/v1/chart/{ids[chart.title]}"), chart.title)["result"]["query_context"]
        body = json.loads(saved) | {"force": True}
        chosen = [
            {"col": each.column, "op": "IN", "val": [first[each.column]]}
            for each in dashboard.filters
            if each.first and applies(each, chart)
        ]
        yield Question(dashboard.slug, chart.title, narrowed(body, chosen))
        if chosen:
            yield Question(dashboard.slug, chart.title + NONE_CHOSEN, body)


def narrowed(body: dict[str, Any], conditions: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The question with conditions more in each of its queries."""
    return body | {"queries": [query | {"filters": [*query["filters"], *conditions]} for query in body["queries"]]}


def asked(client: httpx.Client, question: Question) -> Any:
    """What Superset answers, from no cache.

    Raises:
        ChartError: it refuses.
    """
    return told(client.post("/api/v1/chart/data", json=question.body), f"{question.dashboard}: {question.title}")


def timed(client: httpx.Client, question: Question, spent: Callable[[], float]) -> Answer:
    """Ask once.

    Args:
        client: of Superset.
        question: what to ask.
        spent: says what the servers have computed so far, s of one core.

    Raises:
        ChartError: Superset refuses, or a query failed.
    """
    began, before = time.perf_counter(), spent()
    answer = asked(client, question)
    seconds, cpu_s = time.perf_counter() - began, spent() - before
    return Answer(seconds, cpu_s, count_of(answer, question.title))


def opened(client: httpx.Client, everything: Sequence[Question]) -> float:
    """Seconds until the last answer, all asked at once over as many connections as a browser has.

    Raises:
        ChartError: Superset refuses.
    """
    began = time.perf_counter()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        for _ in pool.map(lambda question: asked(client, question), everything):
            pass
    return time.perf_counter() - began


def spent_by(processes: Iterable[int]) -> float:
    """Seconds of one core that processes and their children have computed for."""
    family = [
        each for process in map(psutil.Process, processes) for each in (process, *process.children(recursive=True))
    ]
    return sum(times.user + times.system for times in (each.cpu_times() for each in family))


def _datasets(client: httpx.Client) -> dict[str, int]:
    found = told(client.get("/api/v1/dataset/", params={"q": "(page_size:100)"}), "data sets")["result"]
    return {dataset["table_name"]: dataset["id"] for dataset in found}


def _values(dataset: int, each: Filter) -> dict[str, Any]:
    """What a filter asks to know what can be chosen."""
    ends: list[Any] = [
        {"expressionType": "SQL", "sqlExpression": f"{of}({each.column})", "label": of} for of in ("MIN", "MAX")
    ]
    wide = each.kind == "range"
    query = {
        "columns": [] if wide else [each.column],
        "metrics": ends if wide else [],
        "orderby": [] if wide else [[each.column, True]],
        "filters": [],
        "extras": {},
        "row_limit": 1_000,
    }
    source = {"id": dataset, "type": "table"}
    return {"datasource": source, "force": True, "queries": [query], "result_format": "json", "result_type": "full"}
