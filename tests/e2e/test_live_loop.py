"""`make up` in a clean clone, at the default speed: the loop closes, breaks, heals, is replayed, and ends.

The tests share one system and run in this order.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import pairwise
from threading import Event
from urllib.request import urlopen

import psutil
import pytest
from confluent_kafka import Producer

from benchmarks import memory
from infra import ports
from infra.services import services
from infra.settings import ROOT, Settings
from infra.superset.check import chart_rows
from schemas.codec import Codec
from schemas.events import Reading
from schemas.topics import TOPICS
from tests.e2e.browser import artifacts
from tests.e2e.conftest import Noted
from tests.e2e.system import System, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.long, pytest.mark.timeout(1200)]

HEALED_S = 120
WRITTEN = TOPICS.keys() - {"window_plans", "window_parts"}
"""Topics that this system writes; the others are of several workers."""
MAY_BE_EMPTY = {
    # Good news, or not yet: alarms, updates that were no use, decisions, and what a batch evaluation brings.
    "Devices whose newest bin is an alarm",
    "Bins with an alarm, newest first",
    "Updates left out, by reason",
    "Versions decided about",
    "Decisions, newest first",
    "Candidates' error beside the champion's",
    "Agreement of stream and batch",
    "Difference between stream and batch",
}
BEHIND_ALL_CALENDARS = 253_402_300_799_000 + 10**12


@pytest.fixture(scope="module", autouse=True)
def remembered(live: System) -> Iterator[Callable[[], dict[str, float]]]:
    """The most memory everything has taken, commands too, from ``make up`` on until somebody asks."""
    over = Event()
    with ThreadPoolExecutor(1) as watching:
        found = watching.submit(memory.peaks, live.settings, over)

        def ask() -> dict[str, float]:
            over.set()
            return found.result()

        yield ask
        over.set()


def shown(live: System, slug: str) -> dict[str, int]:
    """How many rows each chart of a dashboard has, for somebody who logs in."""
    password = (live.settings.home / "superset" / "admin_password").read_text()
    return chart_rows(f"http://127.0.0.1:{live.settings.superset_port}", "admin", password, slug)


def test_everything_is_healthy_after_make_up(live: System):
    done = live.make("status", "FORMAT=json")
    assert done.returncode == 0, done.stderr
    assert {row["state"] for row in json.loads(done.stdout)["services"]} == {"healthy"}


def test_a_second_make_up_changes_nothing_and_says_so(live: System):
    before = {name: live.pid(name) for name in ("kafka", "flink-taskmanager", "spark", "producer")}
    done = live.make("up")
    assert done.returncode == 0
    assert "nothing changed" in done.stdout
    assert {name: live.pid(name) for name in before} == before


def test_the_dashboard_soon_shows_devices_and_versions(live: System, noted: Noted):
    started = time.monotonic()
    for what, title in {
        "devices": "Devices: newest reading learned from",
        "versions": "Versions of the last three hours",
    }.items():
        eventually(lambda title=title: shown(live, "fleet-now")[title], 300, f"{what} on the dashboard", every=5)
        noted[f"{what} on the dashboard, after that"] = time.monotonic() - started


def test_five_consecutive_versions_come_within_ten_minutes(live: System):
    eventually(lambda: live.version() >= 5, 600, "five versions")
    versions = [event.version for event in live.events("global_models")]
    assert versions == list(range(1, len(versions) + 1))
    for model in live.events("global_models"):
        accepted = [c.coefficient for c in model.contributions if c.outcome == "accepted"]
        assert sum(accepted) == pytest.approx(1)
        undone = {decision.state for decision in model.decisions} & {"rejected", "rolled_back"}
        assert undone or model.parent_version == model.version - 1


def test_local_and_stream_predictions_name_increasing_versions(live: System):
    def come() -> bool:
        newest = {(e.source, e.model_version >= 3) for e in live.events("predictions", last=2000) if e.actual is None}
        return {("local", True), ("stream", True)} <= newest

    eventually(come, 240, "predictions from both sources with the third version", every=5)
    tail = live.make("tail", "TOPIC=predictions", "LAST=5", "FOLLOW=no")
    assert tail.returncode == 0, tail.stderr
    assert {json.loads(line)["source"] for line in tail.stdout.splitlines()} <= {"local", "stream"}
    versions = defaultdict(list)
    for event in live.events("predictions"):
        if event.actual is None:
            versions[event.source, event.device_id].append(event.model_version)
    assert {source for source, _ in versions} == {"local", "stream"}
    decisions = [decision for model in live.events("global_models") for decision in model.decisions]
    left = {decision.version for decision in decisions if decision.state == "rolled_back"}
    for (source, device), named_by in versions.items():
        gone_back = {before for before, now in pairwise(named_by) if now < before}
        assert gone_back <= left, f"{source} forecasts of {device} went back to an older model"


def test_batch_evaluates_the_whole_topic(live: System):
    before = live.ends("predictions")
    done = live.make("batch", timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    scored = [e for e in live.events("predictions", since=before) if e.source == "batch" and e.actual is not None]
    assert scored
    assert {e.model_version for e in scored} == {max(e.model_version for e in scored)}


def test_replay_rebuilds_the_views_from_the_topics(live: System):
    before = live.status()["mongo"]
    done = live.make("replay", timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    after = live.status()["mongo"]
    assert all(after[name] >= before[name] for name in before)
    assert (live.models / "global" / "v000001.safetensors").exists()


def test_without_their_checkpoints_the_engines_begin_anew_and_come_to_where_the_log_ends(live: System):
    version, ends = live.version(), {topic: live.ends(topic) for topic in ("local_updates", "predictions")}
    done = live.make("replay", "VIEW=checkpoints")
    assert done.returncode == 0, done.stdout + done.stderr
    eventually(lambda: set(live.states().values()) == {"healthy"}, HEALED_S, "all healthy with no checkpoint")
    eventually(lambda: live.version() >= version + 2, 240, "two more versions")
    again = [update.sequence for update in live.events("local_updates", since=ends["local_updates"])]
    assert min(again) == 1, "learned again from the first reading on"

    def all_new() -> bool:
        made = [e for e in live.events("predictions", since=ends["predictions"]) if e.actual is None]
        return {e.source for e in made if e.model_version >= version} == {"local", "stream"}

    eventually(all_new, 120, "forecasts by both with a version that is new", every=5)


def test_down_stops_everything_and_up_goes_on_where_it_stopped(live: System):
    version = live.version()
    assert live.make("down").returncode == 0
    status = live.status()
    assert {row["state"] for row in status["services"]} == {"down"}
    assert ports.taken(live.settings) == []
    assert status["topics"]["iot_stream"] == {"events": None}
    done = live.make("up", "SPEED=240", timeout=600)  # so that from here on a window is waited for half as long
    assert done.returncode == 0, done.stdout + done.stderr
    eventually(lambda: live.version() >= version + 2, 240, "two more versions after down and up")


def test_an_operator_rolls_the_fleet_back_and_releases_it(live: System):
    def comes(stands_on: Callable[[int], bool]) -> None:
        """Updates and predictions of both sources, written from now on, whose model is such a one."""
        ends = {topic: live.ends(topic) for topic in ("predictions", "local_updates")}

        def found() -> bool:
            made = [e for e in live.events("predictions", since=ends["predictions"]) if e.actual is None]
            sources = {e.source for e in made if stands_on(e.model_version)}
            bases = [e.base_version for e in live.events("local_updates", since=ends["local_updates"])]
            return sources == {"local", "stream"} and any(map(stands_on, bases))

        eventually(found, 180, "devices and Spark where the operator wants them", every=5)

    unknown = live.make("rollback", "VERSION=999999")
    assert unknown.returncode != 0
    assert "version 999999 is not on the log" in unknown.stderr
    done = live.make("rollback", "VERSION=2", "REASON=a test")
    assert "everybody stands on version 2" in done.stdout, done.stderr
    models = {model.version: model for model in live.events("global_models")}
    [rolled] = [model for model in models.values() if any(d.by != "policy" for d in model.decisions)]
    assert (rolled.champion, rolled.parent_version, rolled.weights) == (2, 2, models[2].weights)
    before = models[rolled.version - 1].champion
    left = [(before, "rolled_back")] if before > 2 else []  # the policy itself may have gone back so far
    assert [(d.version, d.state) for d in rolled.decisions] == [(2, "promoted"), *left]
    comes(lambda version: version == 2)
    done = live.make("release")
    assert "everybody stands on version" in done.stdout, done.stderr
    comes(lambda version: version > rolled.version)
    later = [model for model in live.events("global_models") if model.version > rolled.version]
    assert {(m.promotion, m.champion) for m in later if m.pinned} == {("candidate", 2)}


def test_every_version_is_made_again_from_its_members_to_the_byte(live: System):
    done = live.make("verify")
    assert done.returncode == 0, done.stdout
    made = int(done.stdout.split()[0])
    assert made >= 5
    assert f"{made} equal to the byte, 0 not" in done.stdout


@pytest.mark.parametrize("source", ["local", "stream"])
def test_a_forecast_is_followed_back_to_its_readings(live: System, source: str):
    made = [e for e in live.events("predictions", last=2000) if e.source == source and e.model_version >= 3]
    done = live.make("lineage", f"PREDICTION={made[-1].prediction_id}", "FORMAT=json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"version {made[-1].model_version}" in done.stdout
    assert "iot_stream/" in done.stdout


def test_every_collection_fills(live: System):
    def filled() -> bool:
        return all(live.status()["mongo"].values())

    eventually(filled, 120, "documents in every collection")


def test_events_of_every_topic_decode_with_the_registry(live: System):
    for topic in WRITTEN:
        events = list(live.events(topic, last=50))
        assert events, topic
        assert all(isinstance(event, TOPICS[topic].event) for event in events)


def test_events_of_every_topic_decode_with_flinks_avro_confluent(live: System):
    counted = subprocess.run(
        [sys.executable, "-m", "tests.e2e.flink_reader", live.settings.bootstrap, live.settings.registry],
        cwd=ROOT,
        env={**os.environ, "FEDLOG_BUILD": str(live.settings.build)},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert counted.returncode == 0, counted.stderr[-4000:]
    counts = json.loads(counted.stdout.splitlines()[-1])
    assert counts.keys() == TOPICS.keys()
    assert {topic for topic, count in counts.items() if count} == WRITTEN


def test_kcat_shows_the_versions(live: System):
    kcat = subprocess.run(["which", "kcat"], capture_output=True, check=False)
    if kcat.returncode:
        pytest.skip("kcat is not installed")
    argv = ["kcat", "-b", live.settings.bootstrap, "-t", "global_models", "-C", "-e", "-q", "-f", "%k %h\n"]
    shown = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60).stdout.splitlines()
    assert all(line.startswith("fleet ") for line in shown)
    assert any("version=5," in line for line in shown)


def test_tail_and_models_show_the_log(live: System):
    tail = live.make("tail", "TOPIC=global_models", "FOLLOW=no")
    rows = [json.loads(line) for line in tail.stdout.splitlines()]
    assert {"version", "window_end", "contributions", "_log"} <= rows[-1].keys()
    assert "version=1," in live.make("models").stdout
    since = rows[-1]["window_end"][:16]
    tail = live.make("tail", "TOPIC=iot_stream", "FOLLOW=no", "DEVICE=mote-07", f"SINCE={since}")
    shown = [json.loads(line) for line in tail.stdout.splitlines()]
    assert {row["device_id"] for row in shown} == {"mote-07"}, tail.stderr
    assert min(row["event_time"] for row in shown) >= since


def test_a_version_can_be_looked_into_and_held_against_another(live: System):
    done = live.make("inspect", "VERSION=3", "FORMAT=json")
    told = json.loads(done.stdout)
    (model,) = [event for event in live.events("global_models") if event.version == 3]
    assert told["parent_version"] == model.parent_version
    assert told["outcomes"]["accepted"] == sum(c.outcome == "accepted" for c in model.contributions)
    assert 0 < told["from_parent"][-1]["euclidean"] < sum(row["norm"] for row in told["arrays"])
    assert "hidden_1/kernel" in live.make("inspect", "VERSION=3").stdout
    told = json.loads(live.make("diff", "A=2", "B=3", "FORMAT=json").stdout)
    assert told["changed"]["window"][0] != told["changed"]["window"][1]
    assert told["arrays"][-1]["euclidean"] > 0
    missing = live.make("diff", "A=2", "B=999999")
    assert missing.returncode != 0
    assert "Version 999999 is not on the log: there are 1 to" in missing.stderr


@pytest.mark.parametrize("slug", ["fleet-now", "device", "global-model", "stream-and-batch"])
def test_the_dashboards_show_rows_from_mongo(live: System, slug: str):
    rows = shown(live, slug)
    empty = {title for title, count in rows.items() if not count}
    assert rows.keys() - empty, rows
    assert empty <= MAY_BE_EMPTY, rows


def test_the_dashboards_maps_show_every_device_that_reports(live: System):
    rows = shown(live, "fleet-now")
    discs = {count for title, count in rows.items() if title.startswith("Map: ")}
    assert discs == {rows["Devices: newest reading learned from"]}, rows
    assert discs == {len({event.device_id for event in live.events("local_updates")})}
    placed = {event.device_id for event in live.events("fleet_analytics") if event.kind == "placed"}
    assert len(placed) == 54


def test_what_cannot_be_digested_becomes_a_dead_letter_and_the_stages_go_on(live: System):
    codec = Codec(live.settings.registry)
    good = codec.encode(Reading("mote-99", 1_100_000_000_000, 1, 20.0, 40.0, 100.0, 2.6, "test"))
    reading = Reading("mote-99", 1_100_000_000_000, 2, 20.0, 40.0, 100.0, 2.6, "test")
    nan = codec.encode(reading._replace(temperature=float("nan")))
    impossible = codec.encode(reading._replace(event_time=0))
    bad = {
        "NotAvroError": b"these are not the bytes of an event",
        "UnknownSchemaError": b"\x00\x00\x0f\x42\x40" + good.value[5:],
        "TruncatedRecordError": good.value[:-8],
        "InvalidEventError": nan.value,
        "InvalidEventError ": impossible.value,
        "InvalidEventError  ": codec.encode(reading._replace(event_time=4_102_444_800_000)).value,
        "TruncatedRecordError ": codec.encode(reading._replace(event_time=BEHIND_ALL_CALENDARS)).value,
    }
    producer = Producer({"bootstrap.servers": live.settings.bootstrap})
    for value in bad.values():
        # As who sets no timestamp would: of today, twenty years ahead of all that is measured.
        for partition in range(TOPICS["iot_stream"].partitions):
            producer.produce("iot_stream", value, b"mote-99", partition)
    producer.produce("local_updates", key=b"mote-99", value=b"nor is this an update", timestamp=1_100_000_000_000)
    producer.produce("global_models", key=b"fleet", value=b"nor this a model", timestamp=1_100_000_000_000)
    assert producer.flush(30) == 0

    def letters() -> dict[str, list[bytes]]:
        found = defaultdict(list)
        for event in live.events("dead_letters"):
            found[event.stage].append(event.original)
        return found

    def all_there() -> bool:
        found = letters()
        rubbish = {*bad.values(), b"nor this a model"}
        everywhere = all(rubbish <= set(found[stage]) for stage in ("flink_training", "spark_analytics", "mongo_sink"))
        return everywhere and b"nor is this an update" in found["aggregator_stream"]

    eventually(all_there, 120, "a dead letter for each bad record from each stage", every=5)
    named = {value: name.strip() for name, value in bad.items()}
    told = [event for event in live.events("dead_letters") if event.original in named]
    places = {(event.stage, event.origin_partition, event.origin_offset) for event in told}
    assert len(places) == len(told) == 3 * len(bad) * TOPICS["iot_stream"].partitions
    for event in told:
        assert (event.error_class, event.origin_topic) == (named[event.original], "iot_stream")
        assert event.origin_key == b"mote-99"
    version = live.version()
    eventually(lambda: live.version() >= version + 2, 180, "two more versions after bad input")


def test_every_stage_that_has_metrics_shows_them(live: System):
    settings = live.settings
    for port, name in (
        (settings.aggregator_port, "fedlog_http_requests_total"),
        (settings.spark_metrics_port, "fedlog_evaluator_model_version"),
        (settings.sink_metrics_port, 'fedlog_sink_records_total{task="sensor-readings-0",topic="iot_stream"}'),
    ):
        with urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            assert name in answer.read().decode()


def test_watch_shows_what_flows(live: System):
    done = live.make("watch")
    assert done.returncode == 0, done.stderr
    for words in ("iot_stream", "sink-models", "fedlog-training", "persistence", "stream", "minutes of event time"):
        assert words in done.stdout, done.stdout


@pytest.mark.parametrize(
    "killed",
    [
        ("mongo", "registry"),
        ("aggregator", "sink", "spark", "producer"),
        ("flink-training", "flink-jobmanager"),
        ("flink-taskmanager", "superset"),
        ("kafka",),
    ],
    ids=" ".join,
)
def test_killed_services_come_back_and_the_loop_goes_on(live: System, killed: tuple[str, ...]):
    assert set(killed) <= services(live.settings).keys()
    before, version = {service: live.pid(service) for service in killed}, live.version()
    for pid in before.values():
        os.kill(pid, signal.SIGKILL)

    def healed() -> bool:
        anew = all(live.pid(service) != pid for service, pid in before.items())
        return anew and set(live.states().values()) == {"healthy"}

    eventually(healed, HEALED_S, f"all healthy after killing {killed}")
    # Flink counts a lost TaskManager among its own for a while; updates come from one that works.
    trained = eventually(lambda: live.count("local_updates"), 60, "Kafka's word on how many updates there are")
    eventually(lambda: live.count("local_updates") > trained, 120, f"updates after {killed}")
    eventually(lambda: live.version() >= version + 2, 240, f"two more versions after killing {killed}")


def children(pid: int, command: str) -> Iterator[psutil.Process]:
    """What has ``command`` on its command line among a process's descendants, which come and go meanwhile."""
    for process in psutil.Process(pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if command in " ".join(process.cmdline()):
                yield process


def test_killed_workers_come_back_and_the_loop_goes_on(live: System):
    workers = {"flink-taskmanager": "beam_boot", "spark": "SparkSubmit"}
    found = [next(children(live.pid(service), command)) for service, command in workers.items()]
    version, made = live.version(), live.count("predictions")
    for worker in found:
        worker.kill()
    eventually(lambda: set(live.states().values()) == {"healthy"}, HEALED_S, f"all healthy after killing {workers}")
    eventually(lambda: live.version() >= version + 2, 240, "two more versions")
    eventually(lambda: live.count("predictions") > made, 60, "more predictions")


def test_after_its_supervisor_was_killed_make_up_ends_what_is_left_and_goes_on(live: System):
    version, made = live.version(), live.pid("kafka")
    os.kill(int((live.settings.home / "run" / "supervisord.pid").read_text()), signal.SIGKILL)
    assert "Supervisord was killed and has left" in live.make("status").stdout
    assert psutil.pid_exists(made)
    done = live.make("up", timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not psutil.pid_exists(made)
    eventually(lambda: live.version() >= version + 2, 240, "two more versions with another supervisor")


def test_versions_are_still_consecutive_and_no_update_counts_twice(live: System):
    models = [json.loads(line) for line in live.make("tail", "TOPIC=global_models", "FOLLOW=no").stdout.splitlines()]
    versions = [model["version"] for model in models if "version" in model]
    assert versions == list(range(versions[0], versions[0] + len(versions)))
    counted = [c["update_id"] for model in models if "version" in model for c in model["contributions"]]
    assert len(counted) == len(set(counted))


def test_memory_stayed_below_eight_gibibytes_all_the_while(live: System, remembered: Callable[[], dict[str, float]]):
    peaks = remembered()
    folder = artifacts(Settings()).parent
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "memory.md").write_text(memory.table(peaks) + "\n")
    assert {"spark", "flink-taskmanager", "kafka", memory.COMMANDS} <= peaks.keys()
    assert peaks[memory.ALL] < 8 * 1024, peaks


def test_clean_refuses_while_the_system_runs(live: System):
    done = live.make("clean", "YES=1")
    assert done.returncode != 0
    assert "make down" in done.stderr


def test_clean_deletes_the_data_and_nothing_else(live: System):
    assert live.make("down").returncode == 0
    beside = live.settings.home.parent / "beside"
    beside.touch()
    done = live.make("clean", "YES=1")
    assert done.returncode == 0, done.stderr
    assert not live.settings.home.exists()
    assert not live.models.exists()
    assert beside.exists()
    assert (live.settings.build / "env").is_dir()
