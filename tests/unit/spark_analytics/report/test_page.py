"""The page as a browser would read it, without a browser."""

import json
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pandas as pd
import pytest

from spark_analytics.report.decisions import decisions
from spark_analytics.report.fleet_plots import findings
from spark_analytics.report.offsets import Stretch
from spark_analytics.report.page import page
from spark_analytics.report.parts import Content, parts
from tests.unit.spark_analytics.scores.scored import START, labels, nothing, tables

BIN_MS = 300_000
OFFSETS = {"predictions": {0: Stretch(0, 12_345), 1: Stretch(7, 9)}, "global_models": {0: Stretch(0, 31)}}
HEADINGS = [
    *("Summary", "Error over time", "Error by version of the global model", "Forecast against measured"),
    *("Worst devices", "Anomalies", "Batch against stream", "Rollbacks", "Fleet", "Made from"),
]


class Reader(HTMLParser):
    """Headings, figures by title, cells of tables, all text; and whatever would be fetched."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[tuple[str, dict[str, Any]]] = []
        self.headings: list[str] = []
        self.figures: dict[str, Any] = {}
        self.cells: list[str] = []
        self.fetched: list[str] = []
        self.words: list[str] = []
        self.places: set[str] = set()
        self.feed(text)
        self.close()
        assert not self.open, "tags are left open"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        self.fetched += [known[name] for name in ("src", "href", "action", "data") if known.get(name)]
        if tag == "div" and "id" in known:
            self.places.add(known["id"])
        if tag not in ("meta", "link", "img"):
            self.open.append((tag, known))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        tag, known = self.open[-1] if self.open else ("", {})
        if tag == "script":
            if known.get("type") == "application/json":
                made = json.loads(data)
                self.figures[made["layout"]["title"]["text"]] = made | {"place": known["data-target"]}
        elif tag != "style":
            self.words.append(data)
            if tag == "h2":
                self.headings.append(data)
            if tag == "td":
                self.cells.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def points() -> pd.DataFrame:
    """Of two devices, an hour missing, one forecast without a number."""
    rows = []
    for device in ("mote-2", "mote-3"):
        for run, off in (("local", 0.5), ("stream", 0.25)):
            for horizon_ms in (1_800_000, 3_600_000):
                for i in (*range(10), *range(22, 30)):
                    missing = run == "stream" and i == 4
                    value = np.nan if missing else 20 + i + off
                    rows.append((device, run, horizon_ms, START + i * BIN_MS, value, 40.0, 20.0 + i, 41.0))
    names = ["device_id", "run", "horizon_ms", "target_at", "forecast_temperature", "forecast_humidity"]
    return pd.DataFrame(rows, columns=[*names, "actual_temperature", "actual_humidity"])


def decided() -> pd.DataFrame:
    def event(version: int, *made: tuple[int, str, str, str]) -> dict[str, Any]:
        told = [dict(zip(("version", "state", "by", "reason"), one, strict=True)) for one in made]
        moment = START + version * 1_800_000
        return {
            **{"version": version, "window_end": moment, "promotion": "candidate"},
            **{"champion": 1, "decisions": told},
        }

    return decisions(
        [
            event(2, (1, "promoted", "policy", "0.9 of the error")),
            event(3, (1, "rolled_back", "cmd-7", "worse <at> night"), (1, "pinned", "cmd-7", "worse <at> night")),
        ]
    )


def found_of_fleet() -> pd.DataFrame:
    def event(kind: str, device: str, day: int, sensor: str | None = None, **told: float) -> dict[str, Any]:
        name = f"{kind}/{device}/{sensor}/{day}"
        start = START + day * 86_400_000
        return {
            **{"insight_id": name, "kind": kind, "device_id": device, "sensor": sensor},
            **{"start": start, "end": start + 86_400_000, "numbers": told, "labels": {}},
        }

    def episode(device: str, source: str, first: int, after: int) -> dict[str, Any]:
        span = {"start": START + first * BIN_MS, "end": START + after * BIN_MS}
        made = event("episode", device, first, severity=5.5) | span
        return made | {"insight_id": f"{source}/{first}", "labels": {"source": source, "fault": "temperature drift"}}

    made = [event("quality", "mote-1", 0, readings=100.0)]
    for day in range(2):
        for d, device in enumerate(("mote-1", "mote-2", "mote-3")):
            made.append(event("profile", device, day, "temperature", mean=20.0 + d * d + day))
            left = {"days_left": 30.0 - 10 * d - day} if d else {}
            made.append(event("battery", device, day, "voltage", voltage=2.7 - d / 10, slope=-0.01 * d, **left))
            made.append(event("neighbours", device, day, mean=d - 1.0))
    # Of mote-9 there is no alarm in the range.
    made += [episode("mote-1", "local", 11, 14), episode("mote-9", "local", 1, 2), episode("mote-1", "batch/v3", 3, 4)]
    # The first on the log is the fact.
    made.append(event("neighbours", "mote-1", 0, mean=99.0))
    return findings(made)


def content(**changes: Any) -> Content:
    made = Content(
        *(tables(), decided(), found_of_fleet(), points(), ["mote-2", "mote-3"], BIN_MS, BIN_MS, OFFSETS),
        "make report ENDS=predictions:0:12345",
    )
    return made._replace(**changes)


def read(made: Content) -> Reader:
    return Reader(page(made, "/* plotly */"))


def test_all_sections_are_there_and_nothing_is_fetched():
    found = read(content())
    assert found.headings == HEADINGS
    assert found.fetched == []
    assert {figure["place"] for figure in found.figures.values()} == found.places
    assert len(found.figures) == 9


def test_the_same_content_gives_the_same_page():
    assert page(content(), "x") == page(content(), "x")


def test_errors_over_time_are_the_numbers():
    found, made = labels(), read(content()).figures["Error over time, by 6 hours of the target"]
    traces = {trace["name"]: trace for trace in made["data"] if trace["visible"]}
    own = found[
        (found["run"] == "stream") & (found["sensor"] == "temperature") & (found["horizon_ms"] == 1_800_000)
    ].groupby("bucket")
    assert traces["stream"]["x"] == ["2004-03-04 00:00", "2004-03-04 06:00", "2004-03-04 12:00", "2004-03-04 18:00"]
    assert traces["stream"]["y"] == pytest.approx(own["off"].mean().tolist(), rel=1e-4)
    assert traces["stream: persistence"]["y"] == pytest.approx(own["stays"].mean().tolist(), rel=1e-4)
    assert traces["rolled back"]["x"] == ["2004-03-04 01:30"]
    assert "worse <at> night" in traces["rolled back"]["text"][0]
    assert {shape["x0"] for shape in made["layout"]["shapes"]} == {"2004-03-04 01:30"}


def test_each_choice_shows_its_own_traces_and_its_unit():
    made = read(content()).figures["Error over time, by 6 hours of the target"]
    buttons = made["layout"]["updatemenus"][0]["buttons"]
    units = {"temperature": "°C", "humidity": "%RH", "light": "lux", "voltage": "V"}
    assert len(buttons) == 8
    shown = np.array([button["args"][0]["visible"] for button in buttons])
    assert shown.shape == (8, len(made["data"]))
    assert (shown.sum(axis=0) == 1).all()
    for button in buttons:
        sensor = button["label"].split(",")[0]
        assert button["args"][1]["yaxis.title.text"] == f"mean absolute error, {units[sensor]}"


def test_every_axis_has_a_title():
    for title, made in read(content()).figures.items():
        assert made["layout"]["xaxis"]["title"]["text"], title
        assert made["layout"]["yaxis"]["title"]["text"], title


def test_gaps_stay_gaps():
    made = read(content()).figures["mote-2: forecast against measured"]
    traces = {trace["name"]: trace for trace in made["data"] if trace["visible"]}
    assert made["layout"]["yaxis"]["title"]["text"] == "temperature, °C"
    measured = [20.0 + i for i in range(10)] + [None] + [20.0 + i for i in range(22, 30)]
    assert traces["measured"]["y"] == measured
    assert traces["local"]["y"] == [None if value is None else value + 0.5 for value in measured]
    assert traces["stream"]["y"][3:6] == [23.25, None, 25.25]
    assert all(trace["connectgaps"] is False for trace in made["data"])


def test_thinning_is_said():
    assert "Thinned: of 4 forecasts, 5 minutes apart, one is drawn." in read(content(step_ms=4 * BIN_MS)).text
    assert "Thinned" not in read(content()).text


def test_worst_devices_come_first_with_persistence_beside():
    made = read(content()).figures["Worst devices, of those with 20 labels"]
    button = next(b for b in made["layout"]["updatemenus"][0]["buttons"] if b["label"].startswith("local: temperature"))
    error, persistence = (t for t, shown in zip(made["data"], button["args"][0]["visible"], strict=True) if shown)
    found = labels()
    own = found[(found["run"] == "local") & (found["sensor"] == "temperature") & (found["horizon_ms"] == 1_800_000)]
    means = own[own["device_id"] != "mote-4"].groupby("device_id")[["off", "stays"]].mean()
    means = means.sort_values("off", ascending=False)
    assert error["x"] == persistence["x"] == means.index.tolist()
    assert error["y"] == pytest.approx(means["off"].tolist(), rel=1e-4)
    assert persistence["y"] == pytest.approx(means["stays"].tolist(), rel=1e-4)


def test_alarms_are_coloured_by_fault():
    made = read(content()).figures["Alarmed bins"]
    assert [(t["name"], t["x"], t["y"]) for t in made["data"]] == [
        ("episode", ["2004-03-04 00:55", "2004-03-04 01:10", None], ["mote-1", "mote-1", None]),
        ("spike", ["2004-03-04 02:00"], ["mote-2"]),
        ("drift", ["2004-03-04 01:00"], ["mote-1"]),
        ("several", ["2004-03-04 01:00"], ["mote-1"]),
    ]
    assert len({t["marker"]["color"] for t in made["data"] if "marker" in t}) == 3
    assert made["data"][0]["text"][0] == "episode to 2004-03-04 01:10, severity 5.5: temperature drift"


def test_stream_against_batch():
    found = read(content())
    made = found.figures["Stream against batch: |difference| of forecasts, in the sensor's unit"]
    same, other = made["data"]
    assert dict(zip(same["x"], same["y"], strict=True))["1e-7 to 1e-6"] == 120
    assert sum(other["y"]) == 170
    assert "With version 3 stream and batch agree" in found.text
    assert "the stream has not come so far" in found.cells


def test_rollbacks_stand_in_a_table():
    found = read(content())
    assert "1 pinned, 1 promoted, 1 rolled back." in found.text
    assert "worse <at> night" in found.cells
    assert "cmd-7" in found.cells


def test_what_was_found_of_the_fleet():
    found = read(content())
    traces = {trace["name"]: trace["y"] for trace in found.figures["Days of the fleet"]["data"]}
    assert traces == {"highest device": [24, 25], "median device": [21, 22], "lowest device": [20, 21]}
    heat = found.figures["Temperature less the neighbours', mean of the day, °C"]["data"][0]
    assert heat["y"] == ["mote-3", "mote-2", "mote-1"]
    assert heat["z"] == [[1, 1], [0, 0], [-1, -1]]
    at = found.cells.index("mote-3", found.cells.index("cmd-7"))
    assert found.cells[at : at + 8] == ["mote-3", "2.5", "-0.02", "9", "mote-2", "2.6", "-0.01", "19"]


def test_offsets_and_the_command_are_there():
    found = read(content())
    at = found.cells.index("12,345")
    assert found.cells[at - 3 : at + 1] == ["predictions", "0", "0", "12,345"]
    assert "make report ENDS=predictions:0:12345" in found.text


def test_synthetic_data_are_called_so():
    runs = tables().runs
    runs["datasets"] = [["synthetic-7"]] * 3
    assert (
        "The data of synthetic-7 are synthetic: no sensor measured them."
        in read(content(tables=tables(runs=runs))).text
    )
    assert "no sensor measured them" not in read(content()).text


def test_an_empty_log_says_what_to_start():
    empty = content(tables=nothing(), decisions=decided().iloc[:0], points=points().iloc[:0])
    empty = empty._replace(findings=found_of_fleet().iloc[:0], devices=[])
    found = read(empty)
    assert found.headings == HEADINGS
    assert found.figures == {}
    for part in parts(empty):
        assert "`make " in " ".join(part.words), part.heading


def test_no_text_of_the_log_becomes_markup():
    name = "</script><b>mote</b>"
    named = points().replace({"device_id": {"mote-2": name}})
    runs = tables().runs
    runs["datasets"] = [["<img src=x>"]] * 3
    found = read(content(points=named, devices=[name], tables=tables(runs=runs)))
    assert f"{name}: forecast against measured" in found.figures
    assert found.fetched == []
    assert "<img src=x>" in found.text
