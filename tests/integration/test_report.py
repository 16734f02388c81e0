"""Scores and the page on a real Spark, Kafka and registry, against pandas by brute force."""

import json
import os
import re
import socket
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from confluent_kafka import Producer
from playwright.sync_api import sync_playwright

from infra.services import spark_environment
from infra.settings import ROOT, Settings
from schemas.codec import Codec
from schemas.events import SENSORS, Decision, FleetInsight, GlobalModel, Measurements, Prediction
from schemas.forecasts import prediction_id
from spark_analytics.report.page import page
from tests.e2e.browser import FLAGS, chromium
from tests.integration.conftest import Log
from tests.unit.spark_analytics.report.test_page import HEADINGS, Reader, content

pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.timeout(600)]

BIN_MS = 300_000
START = 1_078_358_400_000  # 2004-03-04T00:00Z
DEVICES = ("mote-01", "mote-02", "mote-03")
HORIZONS_MS = (1_800_000, 3_600_000)
BINS = 60
BARE = 1e-6
"""By which stream and batch differ, all but once."""
COLLECT = """
import json, sys
from pathlib import Path
from spark_analytics import frames, session
from spark_analytics.scores import tables, text
bootstrap, registry, jars, folder, out = sys.argv[1:]
spark = session.start("test", Path(jars), Path(folder), ui_port=None)
topic = frames.whole(spark, bootstrap, "predictions")
decoded = frames.decoded(topic, "predictions", registry)
for name, wanted in json.loads(Path(out, "wanted.json").read_text()).items():
    found = tables.collect(decoded, **wanted)
    told = {n: v.to_dict("split", index=False) if hasattr(v, "to_dict") else v for n, v in found._asdict().items()}
    Path(out, name + ".json").write_text(json.dumps(told, default=lambda value: value.tolist()))
    Path(out, name + ".txt").write_text(text.report(found))
"""


def value(device: int, i: int) -> Measurements:
    """What the device measured in bin ``i``; no humidity for a while, light that does not change."""
    humidity = None if 30 <= i < 33 else 40.0 + device + np.sin(i / 5)
    return Measurements(20.0 + 3 * np.sin(i / 9 + device), humidity, 100.0, 2.5 + i / 1000)


def prediction(run: str, device: int, i: int, horizon_ms: int, version: int, scored: bool) -> Prediction:
    """Off by a known error, larger for some devices and versions."""
    source, now, later = run, value(device, i), value(device, i + horizon_ms // BIN_MS)
    off = (device + 1) * horizon_ms / 1_800_000 * (0.1 + 0.02 * version) * np.cos(i)
    off += BARE if source == "stream" else 0
    off += 0.01 if source == "stream" and (device, i, horizon_ms) == (1, 20, HORIZONS_MS[0]) else 0
    forecast = Measurements(*(None if v is None else float(v + off) for v in later))
    error = Measurements(*(None if f is None or a is None else f - a for f, a in zip(forecast, later, strict=True)))
    made_at, target_at = START + (i + 1) * BIN_MS, START + (i + 1) * BIN_MS + horizon_ms
    alarm = scored and (device, target_at) == (2, START + 41 * BIN_MS)
    name = DEVICES[device]
    return Prediction(
        *(prediction_id(source, name, horizon_ms, made_at, version if source == "batch" else None), source, name),
        *(version, made_at, target_at, horizon_ms, forecast, now),
        *((later, error, 6.5 if alarm else 0.5, alarm) if scored else (None, None, None, None)),
        *(device, i, "test"),
        fault="temperature drift" if alarm else None,
    )


def events() -> list[Prediction]:
    """Of all sources, in an order that no reader may rely on, with repeats, and one id that contradicts itself."""
    found = []
    for device in range(len(DEVICES)):
        for i in range(BINS):
            for horizon_ms in HORIZONS_MS:
                stream = 1 if i < 30 else 2
                found.append(prediction("local", device, i, horizon_ms, stream, scored=False))
                if 10 <= i < 50 and device != 0:
                    # Some are scored before they are made: of a stage that began again.
                    forms = (True, False) if i % 7 == 0 else (False, True) if i < 45 else (False,)
                    found += [prediction("stream", device, i, horizon_ms, stream, scored) for scored in forms]
                for version in (1, 2):
                    if i < 55:
                        found.append(prediction("batch", device, i, horizon_ms, version, scored=i < 50))
        found += [prediction("local", device, i, h, 1 if i < 30 else 2, True) for i in range(54) for h in HORIZONS_MS]
    found += found[5:25] + found[300:310]
    again = prediction("local", 0, 3, HORIZONS_MS[0], 1, scored=True)
    # The first on the log is the fact.
    found.append(again._replace(forecast=Measurements(99.0, 99.0, 99.0, 99.0)))
    return found


def model(version: int, *decisions: Decision) -> GlobalModel:
    end = START + version * 1_800_000
    return GlobalModel(
        *("fleet", version, version - 1, end - 1_800_000, end, "fedavg", {}, "tanh", b"w", (), 0, (), "candidate", {}),
        *("test", {}, {}, b"", None, 1, False, decisions),
    )


MODELS = (
    model(2, Decision(1, "promoted", "policy", "0.9 of the error")),
    model(3, Decision(1, "rolled_back", "cmd-7", "worse at night")),
)


class Scores:
    """A log with those events, and commands beside it."""

    def __init__(self, log: Log, folder: Path) -> None:
        self.log, self.folder, self.settings = log, folder, Settings()
        self.python = self.settings.python("spark")
        self.jars = str(self.settings.build / "jars" / "spark")
        if not Path(self.python).exists():
            pytest.skip("Spark's environment is not installed: make install")

    def send(self, *made: Any) -> None:
        codec = Codec(self.log.registry)
        producer = Producer({"bootstrap.servers": self.log.bootstrap, "partitioner": "murmur2_random"})
        for event in made:
            if isinstance(event, bytes):
                producer.produce("predictions", key=b"mote-01", value=event)
                continue
            record = codec.encode(event)
            producer.produce(record.topic, key=record.key, value=record.value, timestamp=record.timestamp)
        assert producer.flush(30) == 0

    def run(self, *argv: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, **spark_environment(self.settings)}
        command = [self.python, *argv]
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    def collect(self, **wanted: Any) -> None:
        (self.folder / "wanted.json").write_text(json.dumps(wanted))
        places = self.jars, str(self.folder / "spark"), str(self.folder)
        done = self.run("-c", COLLECT, self.log.bootstrap, self.log.registry, *places)
        assert done.returncode == 0, done.stderr[-3000:]

    def tables(self, name: str) -> dict[str, Any]:
        told = json.loads((self.folder / f"{name}.json").read_text())
        return {n: pd.DataFrame(v["data"], columns=v["columns"]) if isinstance(v, dict) else v for n, v in told.items()}

    def report(self, out: Path, *more: str) -> subprocess.CompletedProcess[str]:
        place = "--bootstrap", self.log.bootstrap, "--registry", self.log.registry, "--jars", self.jars
        return self.run("-m", "spark_analytics", "report", *place, "--out", str(out), *more)


@pytest.fixture
def scores(log: Log, tmp_path: Path) -> Scores:
    return Scores(log, tmp_path)


def first(made: list[Prediction]) -> dict[str, Prediction]:
    """What counts of each id: the first that is scored, else the first."""
    found: dict[str, Prediction] = {}
    for event in made:
        known = found.get(event.prediction_id)
        if known is None or (known.actual is None and event.actual is not None):
            found[event.prediction_id] = event
    return found


def run_of(event: Prediction) -> str:
    return f"batch/v{event.model_version}" if event.source == "batch" else event.source


def labels(kept: dict[str, Prediction]) -> pd.DataFrame:
    rows = []
    for event in kept.values():
        for s, sensor in enumerate(SENSORS):
            if event.actual is None:
                continue
            f, p, a = event.forecast[s], event.persistence[s], event.actual[s]
            if f is not None and p is not None and a is not None:
                at = run_of(event), event.device_id, sensor, event.horizon_ms, event.model_version
                rows.append((*at, event.target_at // 86_400_000 * 86_400_000, abs(f - a), abs(p - a)))
    return pd.DataFrame(
        rows, columns=["run", "device_id", "sensor", "horizon_ms", "model_version", "bucket", "off", "stays"]
    )


def assert_errors(found: pd.DataFrame, wanted: pd.DataFrame, *more: str) -> None:
    keys = ["run", "sensor", "horizon_ms", *more]
    told = {tuple(row[key] for key in keys): row for row in found.to_dict("records")}
    groups = dict(list(wanted.groupby(keys)))
    assert told.keys() == groups.keys()
    for key, own in groups.items():
        row = told[key]
        assert row["labels"] == len(own)
        assert row["mae"] == pytest.approx(own["off"].mean(), rel=1e-9, abs=1e-12)
        assert row["persistence_mae"] == pytest.approx(own["stays"].mean(), rel=1e-9, abs=1e-12)
        if own["stays"].sum() == 0:
            assert row["ratio"] is None or np.isnan(row["ratio"])
        else:
            assert row["ratio"] == pytest.approx(own["off"].sum() / own["stays"].sum(), rel=1e-9)


def test_tables_are_what_brute_force_finds(scores: Scores):
    made = events()
    scores.send(*made, b"not an event", Codec(scores.log.registry).encode(made[0]).value[:30])
    since, until = START + 20 * BIN_MS, START + 40 * BIN_MS
    scores.collect(every={}, part={"since": since, "until": until, "version": 2})

    kept, found = first(made), scores.tables("every")
    assert_errors(found["fleet"], labels(kept))
    assert_errors(found["devices"], labels(kept), "device_id")
    assert_errors(found["versions"], labels(kept), "model_version")
    assert_errors(found["times"], labels(kept), "bucket")
    assert found["unreadable"] == scores.tables("part")["unreadable"] == 2

    runs = found["runs"].set_index("run")
    assert list(runs.index) == ["local", "stream", "batch/v1", "batch/v2"]
    for run, row in runs.iterrows():
        own = [event for event in made if run_of(event) == run]
        forms = {(event.prediction_id, event.actual is not None) for event in own}
        mine = [event for event in kept.values() if run_of(event) == run]
        assert row["records"] == len(own)
        assert row["predictions"] == len(mine)
        assert row["scored"] == sum(event.actual is not None for event in mine)
        assert row["repeats"] == len(own) - len(forms)
        assert row["conflicts"] == (run == "local")
        assert (row["first"], row["last"]) == (min(e.made_at for e in mine), max(e.made_at for e in mine))
        assert row["datasets"] == ["test"]
    assert runs.loc["local", "repeats"] > 1

    assert found["alarms"][["run", "device_id", "target_at", "score", "fault"]].to_numpy().tolist() == [
        [run, "mote-03", START + 41 * BIN_MS, 6.5, "temperature drift"]
        for run in ("local", "stream", "batch/v1", "batch/v2")
    ]
    assert_agreement(found, kept)
    text = (scores.folder / "every.txt").read_text()
    assert "DIFFER in 4 of" in text
    assert "With version 2 stream and batch agree" in text

    part = [e for e in made if since <= e.made_at < until and (e.source != "batch" or e.model_version == 2)]
    found = scores.tables("part")
    assert_errors(found["devices"], labels(first(part)), "device_id")
    assert list(found["runs"]["run"]) == ["local", "stream", "batch/v2"]


def assert_agreement(found: dict[str, Any], kept: dict[str, Prediction]) -> None:
    stream = {(e.device_id, e.horizon_ms, e.made_at): e for e in kept.values() if e.source == "stream"}
    for version in (1, 2):
        batch = {(e.device_id, e.horizon_ms, e.made_at): e for e in kept.values() if run_of(e) == f"batch/v{version}"}
        counts: dict[str, int] = {}
        for place in stream.keys() | batch.keys():
            s, b = stream.get(place), batch.get(place)
            if s is None:
                own = [at for device, _, at in stream if device == place[0]]
                reason = (
                    "the stream has nothing of the device"
                    if not own
                    else "made before the first forecast of the stream"
                    if place[2] < min(own)
                    else "the stream has not come so far"
                )
            elif b is None:
                reason = "made after the batch run, or after its range"
            elif s.model_version != version:
                reason = "another version"
            elif s.actual is None and b.actual is not None:
                reason = "same version, not scored yet in the stream"
            else:
                reason = "same version"
            counts[reason] = counts.get(reason, 0) + 1
        own = found["reasons"][found["reasons"]["version"] == version]
        assert dict(zip(own["reason"], own["forecasts"], strict=True)) == counts
        assert len(counts) >= 4
        for s, sensor in enumerate(SENSORS):
            for same in (True, False):
                apart = [
                    abs(stream[place].forecast[s] - batch[place].forecast[s])
                    for place in stream.keys() & batch.keys()
                    if (stream[place].model_version == version) == same and stream[place].forecast[s] is not None
                ]
                pairs = found["pairs"]
                [row] = pairs[
                    (pairs["version"] == version) & (pairs["sensor"] == sensor) & (pairs["same"] == same)
                ].to_dict("records")
                assert row["pairs"] == len(apart)
                assert row["one_sided"] == row["readings"] == 0
                assert row["largest"] == pytest.approx(max(apart), rel=1e-9)
                assert row["average"] == pytest.approx(np.mean(apart), rel=1e-9)
                assert row["exceeding"] == sum(a > 1e-5 for a in apart)
                decades = found["differences"].query("version == @version and sensor == @sensor and same == @same")
                assert decades["pairs"].sum() == len(apart)


def test_the_page_is_made_and_made_again(scores: Scores, tmp_path: Path):
    made = events()
    day = START, START + 86_400_000
    colder = FleetInsight(
        f"neighbours/mote-01/{START}", "neighbours", "mote-01", None, *day, {"mean": -1.5, "hours": 24}
    )
    span, told = (START + 40 * BIN_MS, START + 41 * BIN_MS), ({"severity": 6.5}, {"source": "batch/v2", "fault": ""})
    episode = FleetInsight(f"episode/mote-03/batch/v2/{span[0]}", "episode", "mote-03", None, *span, *told)
    scores.send(*made, *MODELS, colder, colder._replace(numbers={"mean": 9.0}), episode)
    done = scores.report(tmp_path / "page.html")
    assert done.returncode == 0, done.stderr[-3000:]
    assert str(tmp_path / "page.html") in done.stdout
    found = Reader((tmp_path / "page.html").read_text())
    assert found.headings == HEADINGS
    assert found.fetched == []

    # The stream knows two devices, of which one is the worst, the other the best and the median.
    assert {title for title in found.figures if "against measured" in title} == {
        f"{device}: forecast against measured" for device in ("mote-02", "mote-03")
    }
    kept = first(made)
    own = sorted(
        (e.target_at, e.forecast.temperature)
        for e in kept.values()
        if run_of(e) == "batch/v2" and e.device_id == "mote-03" and e.horizon_ms == HORIZONS_MS[0]
    )
    traces = found.figures["mote-03: forecast against measured"]["data"]
    [trace] = [t for t in traces if t["visible"] and t["name"] == "batch/v2"]
    assert trace["y"] == pytest.approx([forecast for _, forecast in own], rel=1e-4)

    over_time = found.figures["Error over time, by hour of the target"]["data"]
    assert [t["x"] for t in over_time if t["name"] == "rolled back" and t["visible"]] == [["2004-03-04 01:30"]]
    [alarm] = [t for t in found.figures["Alarmed bins"]["data"] if t["visible"]]
    assert (alarm["name"], alarm["x"], alarm["y"]) == ("drift", ["2004-03-04 03:25"], ["mote-03"])
    [bar] = [t for t in found.figures["Alarmed bins"]["data"] if t["name"] == "episode"]
    assert bar["x"] == ["2004-03-04 03:20", "2004-03-04 03:25", None]
    [heat] = found.figures["Temperature less the neighbours', mean of the day, °C"]["data"]
    assert (heat["y"], heat["z"]) == (["mote-01"], [[-1.5]])
    assert "DIFFER in 4 of" in found.text

    scores.send(prediction("local", 0, 70, HORIZONS_MS[0], 2, scored=False))
    [ends] = re.findall(r"ENDS=(\S+)", found.text)
    [devices] = re.findall(r"DEVICES=(\S+)", found.text)
    again = scores.report(tmp_path / "again.html", "--ends", ends, "--devices", devices)
    assert again.returncode == 0, again.stderr[-3000:]
    once = Reader((tmp_path / "again.html").read_text())
    assert once.cells == found.cells
    assert once.figures.keys() == found.figures.keys()


def test_what_cannot_be_shown_is_one_clear_sentence(scores: Scores, tmp_path: Path):
    out = tmp_path / "page.html"
    done = scores.report(out, "--ends", "predictions:0:999")
    assert done.returncode == 1
    assert "predictions/0 has offsets 0 to 0, not 999" in done.stderr
    scores.send(*(prediction("local", 1, i, HORIZONS_MS[0], 1, scored=True) for i in range(3)))
    done = scores.report(out, "--devices", "mote-09")
    assert done.returncode == 1
    assert "no scored forecasts of mote-09 in this range; there are some of: mote-02" in done.stderr
    assert "Traceback" not in done.stderr
    assert not out.exists()


def test_a_page_of_an_empty_log_says_what_to_start(scores: Scores, tmp_path: Path):
    done = scores.report(tmp_path / "page.html")
    assert done.returncode == 0, done.stderr[-3000:]
    found = Reader((tmp_path / "page.html").read_text())
    assert found.headings == HEADINGS
    assert found.figures == {}
    assert "make up" in found.text


DRAWN = """() => [...document.querySelectorAll('.js-plotly-plot')].map(plot => [
  plot.id, plot.querySelectorAll('.scatterlayer .trace, .barlayer .trace, .heatmaplayer image').length])"""
INTRUDE = """async url => {
  const script = document.createElement('script');
  script.textContent = 'window.intruded = true';
  document.body.append(script);
  const picture = document.createElement('img');
  picture.src = url;
  document.body.append(picture);
  const fetched = await fetch(url).then(() => true, () => false);
  return [window.intruded === true, fetched];
}"""


def test_a_browser_draws_every_plot_and_the_page_asks_for_nothing(tmp_path: Path):
    path, out = chromium(), tmp_path / "page.html"
    [plotly] = (Settings().build / "env" / "spark").glob("lib/*/site-packages/plotly/package_data/plotly.min.js")
    out.write_text(page(content(), plotly.read_text("utf-8")), "utf-8")
    wanted = Reader(out.read_text("utf-8")).places
    asked: list[str] = []
    said: list[str] = []
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=path, args=FLAGS) as browser:
        shown = browser.new_page()
        shown.on("request", lambda request: asked.append(request.url))
        shown.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
        shown.on("pageerror", lambda error: said.append(str(error)))
        shown.goto(out.as_uri())
        shown.wait_for_function(
            "count => document.querySelectorAll('.js-plotly-plot').length === count", arg=len(wanted)
        )
        drawn = dict(shown.evaluate(DRAWN))
        assert drawn.keys() == wanted
        assert len(drawn) > 8
        assert all(drawn.values()), "a plot has nothing on it"
        assert said == []
        assert asked == [out.as_uri()]
        with socket.create_server(("127.0.0.1", 0)) as listening:
            place = f"http://127.0.0.1:{listening.getsockname()[1]}/x"
            assert shown.evaluate(INTRUDE, place) == [False, False]
            listening.setblocking(False)
            with pytest.raises(BlockingIOError):  # nobody has come
                listening.accept()
        assert any("Content Security Policy" in line for line in said)
