"""The dashboard's files: they name each other, the adapter's columns, and what the sink writes."""

import json
from itertools import chain

import pytest
import yaml

from infra.settings import ROOT
from infra.superset.mongo_adapter.tables import TABLES
from schemas.topics import TOPICS

FOLDER = ROOT / "infra" / "superset" / "assets"
FILES = {path.relative_to(FOLDER): yaml.safe_load(path.read_text()) for path in sorted(FOLDER.rglob("*.yaml"))}
DATASETS = {file["uuid"]: file for path, file in FILES.items() if path.parts[0] == "datasets"}
CHARTS = {file["uuid"]: file for path, file in FILES.items() if path.parts[0] == "charts"}
[DASHBOARD] = [file for path, file in FILES.items() if path.parts[0] == "dashboards"]
[DATABASE] = [file for path, file in FILES.items() if path.parts[0] == "databases"]
TYPES = {"string": "TEXT", "integer": "BIGINT", "float": "REAL", "boolean": "BOOLEAN", "time": "TIMESTAMP"}
TOPIC_OF = {
    "sensor_readings": "iot_stream",
    "local_models": "local_updates",
    "global_model": "global_models",
    "predictions": "predictions",
    "dead_letters": "dead_letters",
}


def test_every_table_is_a_dataset_with_the_tables_columns():
    assert {file["table_name"] for file in DATASETS.values()} == TABLES.keys()
    for file in DATASETS.values():
        table = TABLES[file["table_name"]]
        found = {column["column_name"]: (column["type"], column["is_dttm"]) for column in file["columns"]}
        assert found == {c.name: (TYPES[c.kind], c.kind == "time") for c in table.columns}
        assert file["database_uuid"] == DATABASE["uuid"]
        assert file["main_dttm_col"] in (None, *(c.name for c in table.columns if c.kind == "time"))


def fields(topic):
    """Paths of all fields in a topic's schema, nested ones too."""
    return set(_paths(TOPICS[topic].schema))


def _paths(schema, under=""):
    match schema:
        case {"type": "record", "fields": list(inner)}:
            for field in inner:
                yield f"{under}{field['name']}"
                yield from _paths(field["type"], f"{under}{field['name']}.")
        case {"items": items}:
            yield from _paths(items, under)
        case [*branches]:
            yield from chain.from_iterable(_paths(branch, under) for branch in branches)
        case "Measurements":
            yield from (f"{under}{name}" for name in ("temperature", "humidity", "light", "voltage"))


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_every_column_lies_where_the_schema_says(table):
    known = fields(TOPIC_OF[table.collection])
    if table.joined:
        known |= {f"{table.joined}.{path}" for path in fields("iot_stream")}
    assert {column.path for column in table.columns} <= known


@pytest.mark.parametrize("chart", CHARTS.values(), ids=lambda chart: chart["slice_name"])
def test_a_chart_asks_for_what_its_dataset_has(chart):
    dataset = DATASETS[chart["dataset_uuid"]]
    columns = {column["column_name"] for column in dataset["columns"]}
    metrics = {metric["metric_name"] for metric in dataset["metrics"]}
    params = chart["params"]
    for name in ("groupby", "all_columns", "columns", "groupbyColumns"):
        assert {value for value in params.get(name) or () if isinstance(value, str)} <= columns
    for name in ("metrics", "metric"):
        asked = params.get(name) or ()
        asked = [asked] if isinstance(asked, str) else asked
        assert {value for value in asked if isinstance(value, str)} <= metrics
    assert {item["subject"] for item in params.get("adhoc_filters", ())} <= columns
    assert params["viz_type"] == chart["viz_type"]
    for query in json.loads(chart["query_context"])["queries"]:
        asked = [value for value in query.get("columns") or () if isinstance(value, str)]
        assert {*asked, *(item["col"] for item in query.get("filters", ()))} <= columns
        assert {value for value in query.get("metrics") or () if isinstance(value, str)} <= metrics


def test_the_dashboard_shows_every_chart():
    shown = {
        place["meta"]["uuid"]
        for place in DASHBOARD["position"].values()
        if isinstance(place, dict) and place["type"] == "CHART"
    }
    assert shown == CHARTS.keys()
    assert DASHBOARD["slug"] == "fleet-now"


def test_places_on_the_dashboard_hang_together():
    places = {name: place for name, place in DASHBOARD["position"].items() if isinstance(place, dict)}
    children = list(chain.from_iterable(place.get("children", ()) for place in places.values()))
    assert len(children) == len(set(children))
    assert set(children) == places.keys() - {"ROOT_ID", "HEADER_ID"}


def test_no_two_things_have_the_same_uuid():
    uuids = [file["uuid"] for file in FILES.values() if "uuid" in file]
    assert len(uuids) == len(set(uuids)) == len(DATASETS) + len(CHARTS) + 2


def test_the_files_know_no_address_and_no_password():
    assert DATABASE["sqlalchemy_uri"].startswith("shillelagh")
    for path in FOLDER.rglob("*.yaml"):
        text = path.read_text()
        assert "http" not in text
        assert "password" not in text.lower() or "password: null" in text
