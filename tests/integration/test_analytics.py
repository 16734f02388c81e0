"""Fleet analytics on a real Spark, Kafka and registry: in halves or at once, the findings are the same."""

import os
import subprocess
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from infra.services import spark_environment
from infra.settings import ROOT, Settings
from schemas.codec import Codec
from schemas.events import SENSORS, DeadLetter, FleetInsight, Measurements, Prediction, Reading
from schemas.positions import moves, positions
from schemas.topics import TOPICS
from schemas.wire import key_of, timestamp_of
from tests.integration.conftest import Log, emptied

pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.timeout(900)]

DAY, HOUR, STEP, BIN = 86_400_000, 3_600_000, 600_000, 300_000
MONDAY = 1_078_099_200_000  # 2004-03-01
DAYS = 15
CUT = MONDAY + 6 * DAY + 7 * HOUR
FLEET = ("mote-01", "mote-02", "mote-03", "mote-04", "mote-05", "mote-06")
DIES = ("mote-05", MONDAY + 4 * DAY + 12 * HOUR)
LATE = ("mote-02", MONDAY + 2 * DAY + 23 * HOUR, MONDAY + 3 * DAY + 5 * HOUR)
"""Who sends a reading of which moment after its own readings up to another."""
AHEAD = ("mote-04", MONDAY + 9 * DAY + HOUR)
"""Whose clock is wrong once, and when."""
ODD = "mote-03"
"""Is five degrees warmer than those round it."""
ALARMS = [*range(100, 107), *range(280, 300)]
"""Bins of mote-01 since Monday; the second episode goes over midnight."""
POSITIONS = "".join(f"{n} {n % 3} {n // 3}\n" for n in range(1, 7))
PLACED = moves({}, positions(POSITIONS), "test", "a test")
ELSEWHERE = moves({}, positions("1 0 0\n3 0 1\n"), "test", "a test")


def readings() -> list[tuple[int, Reading]]:
    """With the moment at which each is sent."""
    random, made = np.random.default_rng(3), []
    for at in range(MONDAY, MONDAY + DAYS * DAY, STEP):
        for d, device in enumerate(FLEET):
            if device == DIES[0] and at >= DIES[1]:
                continue
            hour, day = (at - MONDAY) % DAY / HOUR, (at - MONDAY) / DAY
            warm = 20 + 3 * np.sin(hour / 24 * 2 * np.pi) + random.normal(0, 0.1) + 5 * (device == ODD)
            warm += 2 * (day >= 7)
            light = None if device == "mote-06" and hour < 2 else 100.0 + hour
            volts = 2.7 - 0.01 * day - 0.001 * d
            made.append((at + d, Reading(device, at + 1000 * d, None, warm, 60 - warm, light, volts, "test")))
    device, moment, sent = LATE
    made.append((sent, Reading(device, moment, None, 99.0, 99.0, 99.0, 2.0, "test")))
    device, sent = AHEAD
    made.append((sent, Reading(device, sent + 100 * DAY, None, 99.0, 99.0, 99.0, 2.0, "test")))
    return sorted(made, key=lambda pair: pair[0])


def letters() -> list[tuple[int, DeadLetter]]:
    """Three of one reason and two of another, of one device and day; one reason told by two stages."""
    made = []
    for n, (stage, reason) in enumerate([("s", "RowError")] * 3 + [("s", "LateReadingError"), ("t", "RowError")]):
        at, offset = MONDAY + DAY + n * HOUR, min(n, 3) if stage == "s" else 0
        place = "iot_stream", 0, offset, b"mote-01", at
        made.append((at, DeadLetter(f"{stage}/iot_stream/0/{n}", stage, *place, reason, "why", b"")))
    return made


def predictions() -> list[tuple[int, Prediction]]:
    """Of mote-01, two for each bin, as they are made and as they are scored."""
    made, room = [], Measurements(1.0, 1.0, 1.0, 1.0)
    for n in range(7 * 288):
        for horizon in (6, 12):
            target = MONDAY + (n + 1) * BIN
            begun = target - horizon * BIN
            alarm = n in ALARMS
            plain = Prediction(
                *(f"local/mote-01/{horizon * 5}/{begun}", "local", "mote-01", 0, begun, target, horizon * BIN),
                *(room, room, None, None, None, None, 0, n, "test"),
            )
            scored = plain._replace(actual=room, error=room, anomaly_score=3.0 + n % 5 if alarm else 0.1, anomaly=alarm)
            made += [(begun, plain), (target, scored._replace(fault="temperature drift" if alarm else None))]
    return sorted(made, key=lambda pair: pair[0])


def everything() -> list[tuple[int, Any]]:
    """In the order in which it is sent."""
    odd = MONDAY + 8 * DAY + HOUR, b"not an event"
    return sorted([*readings(), *letters(), *predictions(), odd], key=lambda pair: pair[0])


class Bench:
    """A log of the test's own, and the command beside it."""

    def __init__(self, log: Log, folder: Path) -> None:
        self.log, self.codec = log, Codec(log.registry)
        self.positions = folder / "positions.txt"
        self.positions.write_text(POSITIONS)

    def send(self, events: Iterable[Any]) -> None:
        producer = Producer({"bootstrap.servers": self.log.bootstrap, "partitioner": "murmur2_random"})
        for event in events:
            if isinstance(event, bytes):
                producer.produce("iot_stream", key=b"mote-01", value=event, timestamp=MONDAY + 8 * DAY)
                continue
            record = self.codec.encode(event)
            what = {"key": record.key, "value": record.value, "headers": record.headers or None}
            producer.produce(record.topic, timestamp=record.timestamp, **what)
            producer.poll(0)
        assert producer.flush(60) == 0

    def run(self, *more: str) -> str:
        settings = Settings()
        if not Path(python := settings.python("spark")).exists():
            pytest.skip("Spark's environment is not installed: make install")
        argv = [python, "-m", "spark_analytics", "analytics", "--bootstrap", self.log.bootstrap]
        argv += ["--registry", self.log.registry, "--jars", str(settings.build / "jars" / "spark"), *more]
        environment = {**os.environ, **spark_environment(settings)}
        done = subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-4000:]
        return done.stdout

    def analyse(self) -> str:
        return self.run("--positions", str(self.positions))

    def findings(self) -> list[FleetInsight]:
        """All but where devices are, which nobody has found."""
        consumer = Consumer({"bootstrap.servers": self.log.bootstrap, "group.id": "test"})
        parts = [TopicPartition("fleet_analytics", p, 0) for p in range(TOPICS["fleet_analytics"].partitions)]
        left = sum(consumer.get_watermark_offsets(part, timeout=10)[1] for part in parts)
        consumer.assign(parts)
        found = []
        while len(found) < left:
            message = consumer.poll(20)
            assert message is not None
            assert message.error() is None
            event = self.codec.decode("fleet_analytics", message.value(), message.key())
            assert message.key() == key_of(event)
            assert message.timestamp()[1] == timestamp_of(event) == event.end
            assert dict(message.headers())["kind"] == event.kind.encode()
            found.append(event)
        consumer.close()
        return [event for event in found if event.kind != "placed"]


def by_id(findings: Sequence[FleetInsight]) -> dict[str, FleetInsight]:
    found = {event.insight_id: event for event in findings}
    assert len(found) == len(findings), "a finding was written twice"
    return found


def test_in_halves_or_at_once_the_findings_are_the_same_and_right(log_servers: Settings, tmp_path: Path):
    sent = everything()
    bench = Bench(emptied(log_servers), tmp_path)
    bench.send(ELSEWHERE)  # a file that is given counts more
    bench.send(event for at, event in sent if at < CUT)
    bench.analyse()
    first = by_id(bench.findings())
    bench.send(event for at, event in sent if at >= CUT)
    bench.analyse()
    halves = by_id(bench.findings())
    assert first.items() <= halves.items()
    assert 0 < len(first) < len(halves)
    assert bench.analyse() == "Nothing new.\n"
    assert by_id(bench.findings()) == halves

    bench = Bench(emptied(log_servers), tmp_path)
    bench.send(event for _, event in sent)
    bench.send(PLACED)
    assert "neighbours" in bench.run()
    assert by_id(bench.findings()) == halves
    right(halves)


def right(findings: dict[str, FleetInsight]) -> None:
    """By what was sent."""

    def one(kind: str, subject: str, at: int) -> dict[str, float]:
        return findings[f"{kind}/{subject}/{at}"].numbers

    def day(number: int) -> int:
        return MONDAY + number * DAY

    frame = pd.DataFrame([r for _, r in readings()])
    frame["day"] = frame["event_time"] // DAY
    frame = frame[(frame["temperature"] != 99.0)]
    counts = frame.groupby(["device_id", "day"]).size()
    # All days but the last, of which the fleet has not gone past.
    over = counts[counts.index.get_level_values("day") < (MONDAY // DAY) + DAYS - 1]
    for (device, number), own in frame.groupby(["device_id", "day"]):
        for sensor in SENSORS:
            name = f"profile/{device}/{sensor}/{number * DAY}"
            assert (name in findings) == ((device, number) in over.index)
            if name in findings:
                numbers, values = findings[name].numbers, own[sensor].dropna().astype(float)
                assert numbers["count"] == len(values)
                assert numbers["mean"] == pytest.approx(values.mean())
                assert numbers["p95"] == pytest.approx(values.quantile(0.95))
                assert numbers["deviation"] == pytest.approx(values.std(ddof=0), abs=1e-9)
        if (device, number) in over.index:
            pair = one("correlation", device, number * DAY)
            assert pair["temperature_humidity"] == pytest.approx(-1)
    of = Counter(event.kind for event in findings.values() if event.device_id != "fleet")
    assert of["quality"] == of["correlation"] == of["battery"] == of["neighbours"] == len(over)
    assert of["seasonality"] == of["profile"] == 4 * len(over)
    assert of["joined"] == len(FLEET)

    assert {e.insight_id for e in findings.values() if e.numbers.get("late") and e.device_id != "fleet"} == {
        f"quality/mote-02/{day(3)}"
    }
    assert {e.insight_id for e in findings.values() if e.numbers.get("jumped") and e.device_id != "fleet"} == {
        f"quality/mote-04/{day(9)}"
    }
    unreadable = [e for e in findings.values() if e.numbers.get("unreadable") and e.device_id != "fleet"]
    assert [e.insight_id for e in unreadable] == [f"quality/mote-01/{day(8)}"]
    quality = one("quality", "mote-01", day(1))
    reasons = {name: count for name, count in quality.items() if name.startswith("rejected")}
    assert reasons == {"rejected": 4, "rejected_RowError": 3, "rejected_LateReadingError": 1}
    assert one("quality", "mote-05", day(4))["readings"] == 72
    assert one("quality", "mote-05", day(4))["missing_rate"] == pytest.approx(0.5)
    assert one("quality", "mote-06", day(1))["null_light"] == 12
    assert one("quality", "fleet", day(3))["devices"] == 6
    assert one("quality", "fleet", day(9))["devices"] == 5

    battery = one("battery", "mote-01/voltage", day(13))
    assert battery["slope"] == pytest.approx(-0.01, abs=1e-4)
    assert battery["days_left"] == pytest.approx((2.7 - 0.01 * 13.5 - 2.4) / 0.01, abs=0.1)
    for device in FLEET:
        near = one("neighbours", f"{device}/temperature", day(3))
        assert (near["hours_beyond"] == 24) == (device == ODD)
    assert one("neighbours", f"{ODD}/temperature", day(3))["mean"] == pytest.approx(5, abs=0.1)

    drift = one("drift", "mote-01/temperature", day(7))
    assert drift["shift"] == pytest.approx(2, abs=0.02)
    assert drift["wasserstein"] == pytest.approx(2, abs=0.02)
    assert of["drift"] == 4 * (len(FLEET) - 1)

    episodes = [event for event in findings.values() if event.kind == "episode"]
    assert sorted((e.start - MONDAY, e.end - MONDAY) for e in episodes) == [
        (100 * BIN, 107 * BIN),
        (280 * BIN, 300 * BIN),
    ]
    assert all(e.numbers["severity"] == 7 and e.labels["fault"] == "temperature drift" for e in episodes)
    assert one("alarms", "mote-01/local", day(0)) == {"bins": 288, "alarmed": 15, "episodes": 2, "severity": 7}
    assert one("alarms", "mote-01/local", day(1)) == {"bins": 288, "alarmed": 12, "episodes": 0, "severity": 7}


def test_a_fleet_that_has_said_nothing_yet_and_a_file_that_is_none(log: Log, tmp_path: Path):
    bench = Bench(log, tmp_path)
    said = bench.run().splitlines()
    assert said[0].startswith("Nothing is said of neighbours")
    assert said[1:] == ["Nothing new."]
    bench.positions.write_text("1 2\n")
    with pytest.raises(AssertionError, match=r"positions.txt: line 1 is not `id x y`"):
        bench.analyse()


def batch(version: int, alarms: range) -> list[Prediction]:
    """What a batch with a version of the model says of mote-01, as it is scored."""
    made = []
    for _, event in predictions():
        if event.actual is not None:
            alarm = (event.target_at - MONDAY) // BIN - 1 in alarms
            named = f"{event.prediction_id.replace('local', 'batch')}/v{version}"
            made.append(event._replace(prediction_id=named, source="batch", model_version=version, anomaly=alarm))
    return made


def test_of_batch_each_version_is_judged_by_itself(log: Log, tmp_path: Path):
    bench = Bench(log, tmp_path)
    bench.send(reading for at, reading in readings() if reading.device_id == "mote-01" and at < MONDAY + 2 * DAY)
    bench.send([*batch(1, range(100, 107)), *batch(2, range(105, 113))])

    def episodes() -> list[tuple[str, int, int, str]]:
        found = sorted(e for e in bench.findings() if e.kind == "episode")
        return [(e.insight_id, (e.start - MONDAY) // BIN, (e.end - MONDAY) // BIN, e.labels["source"]) for e in found]

    bench.run("--source", "batch")
    second = (f"episode/mote-01/batch/v2/{MONDAY + 105 * BIN}", 105, 113, "batch/v2")
    assert episodes() == [second]
    bench.run("--source", "batch", "--version", "1")
    assert episodes() == [(f"episode/mote-01/batch/v1/{MONDAY + 100 * BIN}", 100, 107, "batch/v1"), second]
    assert "Nothing new." in bench.run("--source", "batch", "--version", "2")
    with pytest.raises(AssertionError, match="--version is of --source batch"):
        bench.run("--version", "2")
