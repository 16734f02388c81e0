"""The dashboard asks for metrics that there are, by labels that they have, and can be imported."""

import json
import re
from collections import Counter

import pytest
import yaml
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from aggregator_stream.catalogue import Placed
from infra.settings import HOST, ROOT, Settings
from mongo_sink.meter import Meter
from schemas.events import Decision
from spark_analytics.choice import Pin
from spark_analytics.gauges import Gauges
from tests.unit.aggregator_stream.asking import START, WINDOW, api, contribution, judged, model

FOLDER = ROOT / "infra" / "grafana"
DASHBOARD = json.loads((FOLDER / "fedlog.json").read_text())
SCRAPED = yaml.safe_load((FOLDER / "prometheus.yml").read_text())["scrape_configs"]
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
EXPRESSIONS = [(panel["title"], target) for panel in PANELS for target in panel["targets"]]
INPUT = "${DS_PROMETHEUS}"


def aggregator():
    """What it shows once everything has happened that it counts."""
    asked = api(
        model(1, contributions=(contribution("mote-01", 1, "rejected", 0.0, "late"),)),
        model(2, decisions=(Decision(1, "promoted", "policy", "better"),)),
    )
    asked.board.folded(pending=5, newest=START + 3 * WINDOW)
    asked.board.closed(Placed(model(3, evaluations=(judged(2, 1),)), 0, 1), 0.1)
    asked.board.gathered("worker")
    asked("GET", "/metrics")
    return asked("GET", "/metrics").text


def evaluator(monkeypatch):
    registries = []
    monkeypatch.setattr("spark_analytics.gauges.start_http_server", lambda port, host, made: registries.append(made))
    Gauges(0).batch(Pin(3, 4, START, 1), 7, Counter(predictions=5), START + WINDOW)
    return generate_latest(registries[0]).decode()


def sink():
    meter = Meter()
    meter.add("models-0", "local_updates", 3)
    meter.lag("models-0", lambda: {"local_updates": 9})
    meter.letters("models-0", 2)
    meter.failed("models-0", is_so=True)
    return generate_latest(meter.registry).decode()


@pytest.fixture(scope="module")
def series():
    """Labels by name of everything that the three processes show."""
    with pytest.MonkeyPatch.context() as patched:
        shown = (aggregator(), evaluator(patched), sink())
    return {
        sample.name: set(sample.labels)
        for text in shown
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def names(expression):
    return set(re.findall(r"\bfedlog_\w+", expression))


def test_every_metric_that_a_panel_asks_for_is_shown_by_a_process(series):
    for title, target in EXPRESSIONS:
        asked = names(target["expr"])
        assert asked or target["expr"] == 'up{job="fedlog"}', title
        assert asked <= series.keys(), title


def test_every_metric_of_a_process_is_in_a_panel(series):
    asked = set().union(*(names(target["expr"]) for _, target in EXPRESSIONS))
    histograms = {name.removesuffix("_bucket") for name in series if name.endswith("_bucket")}
    rest = {f"{name}_{part}" for name in histograms for part in ("sum", "count")}
    assert series.keys() - rest == asked


def test_labels_are_those_that_the_metrics_have(series):
    added = {"job", "instance", *(key for job in SCRAPED for one in job["static_configs"] for key in one["labels"])}
    for title, target in EXPRESSIONS:
        labels = added.union(*(series[name] for name in names(target["expr"])))
        grouped = [part for group in re.findall(r"\bby \(([^)]*)\)", target["expr"]) for part in group.split(", ")]
        matched = re.findall(r"(\w+)=~?\"", target["expr"])
        legend = re.findall(r"{{(\w+)}}", target["legendFormat"])
        assert {*grouped, *matched, *legend} <= labels, title
        # What is summed away cannot be in the legend.
        assert not grouped or set(legend) <= set(grouped), title


def test_an_import_asks_for_the_data_source_and_for_nothing_else():
    (asked,) = DASHBOARD["__inputs"]
    assert (asked["name"], asked["type"], asked["pluginId"]) == ("DS_PROMETHEUS", "datasource", "prometheus")
    assert DASHBOARD["id"] is None
    assert DASHBOARD["uid"]
    assert DASHBOARD["schemaVersion"] >= 41
    used = {each["type"] for each in PANELS}
    assert used == {each["id"] for each in DASHBOARD["__requires"] if each["type"] == "panel"}
    sources = [panel["datasource"] for panel in PANELS] + [target["datasource"] for _, target in EXPRESSIONS]
    assert all(source == {"type": "prometheus", "uid": INPUT} for source in sources)


def test_panels_have_a_title_a_unit_and_a_place_of_their_own():
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    assert all(panel["title"] and panel["description"] for panel in PANELS)
    assert all(panel["fieldConfig"]["defaults"]["unit"] for panel in PANELS)
    taken = set()
    for place in (panel["gridPos"] for panel in DASHBOARD["panels"]):
        assert place["x"] + place["w"] <= 24
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken
        taken |= cells


def test_what_is_scraped_are_the_ports_of_the_settings():
    settings = Settings.model_construct()
    targets = {
        one["labels"]["stage"]: target for job in SCRAPED for one in job["static_configs"] for target in one["targets"]
    }
    assert {job["job_name"] for job in SCRAPED} == {"fedlog"}
    assert targets == {
        "aggregator": f"{HOST}:{settings.aggregator_port}",
        "evaluator": f"{HOST}:{settings.spark_metrics_port}",
        "sink": f"{HOST}:{settings.sink_metrics_port}",
    }
