"""The dashboards' files: they are what the code makes, and name each other and the adapter's columns."""

import json
import re
import sqlite3
from contextlib import closing
from itertools import chain

import pytest
import yaml

from infra.settings import ROOT
from infra.superset.dashboards.catalogue import DASHBOARDS as WANTED
from infra.superset.dashboards.files import files
from infra.superset.mongo_adapter.catalogue import TABLES
from schemas.topics import TOPICS

FOLDER = ROOT / "infra" / "superset" / "assets"
FILES = {str(path.relative_to(FOLDER)): path.read_text() for path in sorted(FOLDER.rglob("*.yaml"))}


def of(kind):
    found = [yaml.safe_load(text) for path, text in FILES.items() if path.startswith(f"{kind}/")]
    return {file["uuid"]: file for file in found}


DATASETS, CHARTS, DASHBOARDS = of("datasets"), of("charts"), of("dashboards")
[DATABASE] = of("databases").values()
TYPES = {"string": "TEXT", "integer": "BIGINT", "float": "REAL", "boolean": "BOOLEAN", "time": "TIMESTAMP"}
TOPIC_OF = {
    "sensor_readings": "iot_stream",
    "local_models": "local_updates",
    "global_model": "global_models",
    "predictions": "predictions",
    "dead_letters": "dead_letters",
    "fleet_analytics": "fleet_analytics",
}
PARTS = {"reading": "iot_stream", "verdict": "predictions", "place": "fleet_analytics"}
MAPS = ("numbers.", "labels.", "place.numbers.")  # What is in them, no schema says.
SENSORLESS = {"data_quality", "battery", "neighbours"}
each_chart = pytest.mark.parametrize("chart", CHARTS.values(), ids=lambda chart: chart["slice_name"])
each_dataset = pytest.mark.parametrize("dataset", DATASETS.values(), ids=lambda file: file["table_name"])
each_dashboard = pytest.mark.parametrize("dashboard", DASHBOARDS.values(), ids=lambda file: file["slug"])


def places(dashboard):
    return {name: place for name, place in dashboard["position"].items() if isinstance(place, dict)}


def filters(dashboard):
    return dashboard["metadata"]["native_filter_configuration"]


def shown(dashboard):
    """The charts by the numbers that the dashboard gives them."""
    metas = [place["meta"] for place in places(dashboard).values() if place["type"] == "CHART"]
    return {meta["chartId"]: CHARTS[meta["uuid"]] for meta in metas}


def test_the_files_are_what_the_code_makes():
    assert files(WANTED) == FILES, "run `python -m infra.superset.dashboards`"


def test_every_table_is_a_dataset_with_the_tables_columns():
    physical = {file["table_name"]: file for file in DATASETS.values() if not file["sql"]}
    assert physical.keys() == TABLES.keys()
    for name, file in physical.items():
        found = {c["column_name"]: (c["type"], c["is_dttm"]) for c in file["columns"] if not c["expression"]}
        wanted = {column.name: (TYPES[column.kind], column.kind == "time") for column in TABLES[name].columns}
        assert found == {key: value for key, value in wanted.items() if name not in SENSORLESS or key != "sensor"}


def fields(topic):
    """Paths of all fields in a topic's schema, nested ones too."""
    return set(paths(TOPICS[topic].schema))


def paths(schema, under=""):
    match schema:
        case {"type": "record", "fields": list(inner)}:
            for field in inner:
                yield f"{under}{field['name']}"
                yield from paths(field["type"], f"{under}{field['name']}.")
        case {"items": items}:
            yield from paths(items, under)
        case [*branches]:
            yield from chain.from_iterable(paths(branch, under) for branch in branches)
        case "Measurements":
            yield from (f"{under}{name}" for name in ("temperature", "humidity", "light", "voltage"))


@pytest.mark.parametrize(
    "table", [table for table in TABLES.values() if table.collection in TOPIC_OF], ids=lambda table: table.name
)
def test_every_column_lies_where_the_schema_says(table):
    known = fields(TOPIC_OF[table.collection])
    known |= {f"{part}.{path}" for part, topic in PARTS.items() for path in fields(topic)}
    assert {column.path for column in table.columns if column.path and not column.path.startswith(MAPS)} <= known


@pytest.fixture(scope="module")
def empty():
    """A database with the adapter's tables, nothing in them."""
    with closing(sqlite3.connect(":memory:")) as database:
        for table in TABLES.values():
            columns = ", ".join(f'"{column.name}" {TYPES[column.kind]}' for column in table.columns)
            database.execute(f'CREATE TABLE "{table.name}" ({columns})')
        yield database


@each_dataset
def test_sqlite_can_run_a_datasets_query_metrics_and_columns(dataset, empty):
    assert dataset["database_uuid"] == DATABASE["uuid"]
    source = f"({dataset['sql']})" if dataset["sql"] else f'"{dataset["table_name"]}"'
    described = empty.execute(f"SELECT * FROM {source}").description
    stored = {column["column_name"] for column in dataset["columns"] if not column["expression"]}
    assert stored <= {name for name, *_ in described}
    # What is of the newest only is not filtered by time.
    times = {c["column_name"] for c in dataset["columns"] if c["is_dttm"]}
    assert dataset["main_dttm_col"] in (times if dataset["table_name"] != "latency" else {None})
    for column in dataset["columns"]:
        if column["expression"]:
            empty.execute(f"SELECT {column['expression']} FROM {source}")
    for metric in dataset["metrics"]:
        assert len(empty.execute(f"SELECT {metric['expression']} FROM {source}").fetchall()) == 1


@pytest.mark.parametrize(
    ("seconds", "said"),
    [([3], (3, 3, 3)), ([2] * 5, (2, 2, 2)), ([9, 1], (1, 9, 9)), (range(1, 21), (10, 19, 20))],
    ids=["one forecast", "all alike", "two", "twenty"],
)
def test_latencies_come_to_the_nearest_that_so_many_are_within(seconds, said, empty):
    [dataset] = [file for file in DATASETS.values() if file["table_name"] == "latency"]
    metrics = {metric["metric_name"]: metric["expression"] for metric in dataset["metrics"]}
    asked = ", ".join(metrics[name] for name in ("median_latency", "high_latency", "longest_latency"))
    empty.executemany("INSERT INTO latencies (source, latency_s) VALUES ('local', ?)", [(each,) for each in seconds])
    found = empty.execute(f"SELECT {asked} FROM ({dataset['sql']}) GROUP BY source").fetchall()
    empty.execute("DELETE FROM latencies")
    assert found == [said]


@each_chart
def test_a_chart_asks_for_what_its_dataset_has(chart):
    dataset = DATASETS[chart["dataset_uuid"]]
    columns = {column["column_name"] for column in dataset["columns"]}
    metrics = {metric["metric_name"] for metric in dataset["metrics"]}
    params = chart["params"]
    lists = ("groupby", "all_columns", "groupbyRows", "groupbyColumns", "x_axis", "entity", "series")
    assert set(chain.from_iterable(listed(params.get(name)) for name in lists)) <= columns
    lists = ("metrics", "metrics_b", "metric", "x", "y", "size", "timeseries_limit_metric")
    assert set(chain.from_iterable(listed(params.get(name)) for name in lists)) <= metrics
    assert {item["subject"] for item in params["adhoc_filters"]} <= columns
    assert params["viz_type"] == chart["viz_type"]
    for query in json.loads(chart["query_context"])["queries"]:
        asked = [value if isinstance(value, str) else value["sqlExpression"] for value in query["columns"]]
        assert {*asked, *(item["col"] for item in query["filters"])} <= columns
        assert set(query["metrics"]) <= metrics
        assert {by for by, _ in query["orderby"]} <= columns | metrics
        assert query["row_limit"] <= 10_000


def listed(value):
    return [value] if isinstance(value, str) else value or []


@each_chart
def test_a_chart_has_no_range_of_time_of_its_own(chart):
    times = [item for item in chart["params"]["adhoc_filters"] if item["operator"] == "TEMPORAL_RANGE"]
    moment = DATASETS[chart["dataset_uuid"]]["main_dttm_col"]
    assert [(item["subject"], item["comparator"]) for item in times] == ([(moment, "No filter")] if moment else [])


@each_chart
def test_axes_of_numbers_say_their_unit(chart):
    if chart["viz_type"].startswith("echarts") or chart["viz_type"] == "mixed_timeseries":
        assert chart["params"]["x_axis_title"]
        assert chart["params"]["y_axis_title"]


def test_there_are_five_dashboards_that_show_every_chart_once():
    slugs = {dashboard["slug"] for dashboard in DASHBOARDS.values()}
    assert slugs == {"fleet-now", "device", "global-model", "stream-and-batch", "fleet-insights"}
    uuids = [chart["uuid"] for dashboard in DASHBOARDS.values() for chart in shown(dashboard).values()]
    assert sorted(uuids) == sorted(CHARTS)


@each_dashboard
def test_places_on_a_dashboard_hang_together(dashboard):
    known = places(dashboard)
    children = list(chain.from_iterable(place.get("children", ()) for place in known.values()))
    assert len(children) == len(set(children))
    assert set(children) == known.keys() - {"ROOT_ID", "HEADER_ID"}
    for name, place in known.items():
        if parents := place.get("parents"):
            assert name in known[parents[-1]]["children"]
    for place in known.values():
        if place["type"] == "ROW":
            assert sum(known[child]["meta"]["width"] for child in place["children"]) == 12


@each_dashboard
def test_titles_on_a_dashboard_are_unique_and_a_note_says_what_to_start(dashboard):
    titles = [chart["slice_name"] for chart in shown(dashboard).values()]
    assert len(titles) == len(set(titles))
    [note] = [place["meta"]["code"] for place in places(dashboard).values() if place["type"] == "MARKDOWN"]
    makefile = (ROOT / "Makefile").read_text()
    commands = re.findall(r"`make ([a-z]+)", note)
    assert commands
    assert all(re.search(rf"^{command}:", makefile, re.MULTILINE) for command in commands)


@each_dashboard
def test_filters_reach_the_charts_that_have_their_column_and_no_others(dashboard):
    for each in filters(dashboard):
        [target] = each["targets"]
        if not target:
            continue
        name = target["column"]["name"]
        assert name in {column["column_name"] for column in DATASETS[target["datasetUuid"]]["columns"]}
        reached = {
            number
            for number, chart in shown(dashboard).items()
            if name in {column["column_name"] for column in DATASETS[chart["dataset_uuid"]]["columns"]}
            and name not in {item["subject"] for item in chart["params"]["adhoc_filters"]}
        }
        assert reached
        assert set(each["scope"]["excluded"]) == shown(dashboard).keys() - reached


@each_dashboard
def test_errors_are_asked_for_of_one_sensor_and_one_horizon_at_first(dashboard):
    for chart in shown(dashboard).values():
        dataset = DATASETS[chart["dataset_uuid"]]
        columns = {column["column_name"] for column in dataset["columns"]} & {"sensor", "horizon_min"}
        for query in json.loads(chart["query_context"])["queries"]:
            assert columns <= {item["col"] for item in query["filters"]}


@each_dashboard
def test_a_source_has_its_colour_whether_it_is_a_group_or_a_metric(dashboard):
    colours = dashboard["metadata"]["label_colors"]
    assert len({colours[name] for name in ("local", "stream", "batch", "persistence", "measured", "anomaly")}) == 6
    for chart in shown(dashboard).values():
        metrics = {metric["metric_name"]: metric for metric in DATASETS[chart["dataset_uuid"]]["metrics"]}
        for name in listed(chart["params"].get("metrics")):
            if (label := metrics[name]["verbose_name"]) in ("local", "stream", "batch", "persistence", "measured"):
                assert colours[name] == colours[label]


def test_no_two_things_have_the_same_uuid():
    uuids = [uuid for text in FILES.values() if (uuid := yaml.safe_load(text).get("uuid"))]
    assert len(uuids) == len(set(uuids)) == len(DATASETS) + len(CHARTS) + len(DASHBOARDS) + 1


def test_the_files_know_no_address_and_no_password():
    assert DATABASE["sqlalchemy_uri"] == "shillelagh+safe://"
    for text in FILES.values():
        assert "http" not in text
        assert "password" not in text.lower()


def test_discs_of_a_map_have_a_colour_of_their_own_for_each_band_from_dark_to_bright(empty):
    maps = [chart for chart in CHARTS.values() if chart["viz_type"] == "bubble_v2"]
    assert len(maps) == 2
    for chart in maps:
        columns = DATASETS[chart["dataset_uuid"]]["columns"]
        [band] = [column["expression"] for column in columns if column["column_name"] == chart["params"]["series"]]
        [value] = set(re.findall(r"WHEN (\w+) <=", band))
        edges = [float(edge) for edge in re.findall(r"<= ([\d.]+) THEN", band)]
        assert edges == sorted(edges)
        values = [None, *edges, edges[-1] + 1]
        bands = [empty.execute(f"SELECT {band} FROM (SELECT ? AS {value})", [each]).fetchone()[0] for each in values]
        assert len(set(bands)) == len(bands) == 6
        [dashboard] = [each for each in DASHBOARDS.values() if chart in shown(each).values()]
        colours = [dashboard["metadata"]["label_colors"][name] for name in bands]
        assert len(set(colours)) == len(colours)
        assert bands[1:] == sorted(bands[1:]), "a browser would list them otherwise"
        lightness = [sum(int(colour[at : at + 2], 16) for at in (1, 3, 5)) for colour in colours[1:]]
        assert lightness == sorted(lightness)
