"""The lineage of forecasts on a real log, whose updates, models and forecasts the stages' own pure steps have made."""

import json
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from typing import Any, NamedTuple

import numpy as np
import pytest
from confluent_kafka import Producer, TopicPartition
from numpy.typing import NDArray

from aggregator_stream.fold.restore import beginning
from aggregator_stream.fold.state import Located, Mark, Rules
from aggregator_stream.fold.windows import step as fold
from aggregator_stream.lineage.command import run
from flink_training.device import Device, FleetModel, Readings, step
from forecaster import course, weights
from forecaster.binning import Columns
from forecaster.knowledge import initial
from forecaster.strategies import fedavg
from infra.ports import free
from infra.settings import Settings
from schemas.events import GlobalModel, LocalUpdate, Prediction, Reading
from schemas.forecasts import prediction_id, predictions
from schemas.topics import PARTITIONS
from schemas.wire import WATERMARK
from spark_analytics.choice import Choice
from spark_analytics.device import Device as Evaluating
from spark_analytics.device import step as evaluate
from tests.integration.conftest import emptied
from tests.integration.fleet import CONFIG, START, WINDOW, Fleet

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

DEVICES, HOURS, MINUTE = ("mote-01", "mote-02", "mote-03", "mote-04", "mote-05"), 7, 60_000
HORIZON = CONFIG.horizons_ms[0]
Placed = tuple[int, int, Reading]


class World(NamedTuple):
    """What is on the log: readings of each device, places of updates and models by id."""

    fleet: Fleet
    readings: dict[str, list[Placed]]
    updates: dict[str, tuple[LocalUpdate, str]]
    models: dict[int, tuple[GlobalModel, str]]


def readings() -> list[Reading]:
    """Every 31 s; mote-02 is silent for an hour, mote-03 once sends what it measured a quarter of an hour before."""
    made = []
    for n in range(HOURS * 3600 // 31):
        for d, device in enumerate(DEVICES):
            at = START + n * 31_000 + 1000 * d
            if d == 1 and 2 * 3600 <= n * 31 < 3 * 3600:
                continue
            late = 15 * MINUTE if d == 2 and n == 542 else 0
            warm = 20 + d + 4 * np.sin(n / 300)
            made.append(Reading(device, at - late, n, warm, 45.0 - warm / 2, 100.0 + n % 97, 2.7, "test"))
    return made


def columns(placed: list[Placed]) -> Columns:
    rows = [[r.temperature, r.humidity, r.light, r.voltage] for _, _, r in placed]
    times, offsets = ([r.event_time for _, _, r in placed], [offset for _, offset, _ in placed])
    return Columns(np.array(times, np.int64), np.array(rows, np.float64).reshape(-1, 4), np.array(offsets, np.int64))


def looped(readings: dict[str, list[Placed]]) -> tuple[list[Located | Mark], list[GlobalModel], list[Prediction]]:
    """The loop in step, half an hour at a time: devices train, windows close, devices adopt."""
    rules = Rules(CONFIG, fedavg())
    state, devices = beginning(rules), dict.fromkeys(readings, Device())
    known: dict[int, FleetModel] = {}
    records: list[Located | Mark] = []
    models: list[GlobalModel] = []
    made: list[Prediction] = []
    ends = [0] * PARTITIONS
    for end in range(START + WINDOW, START + HOURS * 2 * WINDOW, WINDOW):
        fresh: list[Located | Mark] = []
        for device_id, placed in readings.items():
            now = [row for row in placed if end - WINDOW <= START + row[2].epoch * 31_000 < end]
            partition = placed[0][0]
            batch = Readings(device_id, "test", partition, columns(now))
            devices[device_id], outcome = step(CONFIG, devices[device_id], batch, known)
            for update in outcome.updates:
                fresh.append(Located(update, partition, ends[partition], end - WINDOW))
                ends[partition] += 1
            made += [
                p for table in outcome.forecasts for p in predictions(table, "local", device_id, partition, "test")
            ]
        for partition in range(PARTITIONS):
            fresh.append(Mark(partition, ends[partition], end))
            ends[partition] += 1
        for record in fresh:
            state, closed = fold(rules, state, record)
            models += closed
            known |= {m.version: FleetModel.of(CONFIG, m) for m in closed}
        records += fresh
    return records, models, made


def evaluated(device_id: str, placed: list[Placed], models: list[GlobalModel]) -> Iterator[Prediction]:
    """What Spark says of a device, every version taken up half an hour after its window has ended."""
    known = {m.version: course.numbers(weights.from_bytes(CONFIG, m.weights)) for m in models}
    known[0] = course.numbers(initial(CONFIG))

    def choose(_: str, ends: NDArray[np.int64]) -> Choice:
        return Choice(np.clip((ends - START) // WINDOW - 1, 0, len(models)), np.zeros(len(ends), np.int32))

    _, table, _ = evaluate(CONFIG, Evaluating(), device_id, columns(placed), choose, known.__getitem__)
    yield from predictions(table, "stream", device_id, placed[0][0], "test")


@pytest.fixture(scope="module")
def world(log_servers: Settings) -> Iterator[World]:
    with closing(Fleet(emptied(log_servers), log_servers)) as fleet:
        fleet.fill(readings())
        placed = defaultdict(list)
        for place, key, value in fleet.read("iot_stream"):
            placed[key.decode()].append((place.partition, place.offset, fleet.codec.decode("iot_stream", value)))
        records, models, made = looped(placed)
        write(fleet, records)
        fleet.fill([*models, *made, *evaluated("mote-01", placed["mote-01"], models)])
        updates = {u.update_id: (u, place) for u, place in located(fleet, "local_updates")}
        versions = {m.version: (m, place) for m, place in located(fleet, "global_models")}
        yield World(fleet, placed, updates, versions)


def write(fleet: Fleet, records: list[Located | Mark]) -> None:
    """As Flink writes them."""
    producer = Producer({"bootstrap.servers": fleet.log.bootstrap})
    for record in records:
        headers = {WATERMARK: str(record.watermark)}
        if isinstance(record, Mark):
            producer.produce("local_updates", partition=record.partition, headers=headers, timestamp=record.watermark)
        else:
            row = fleet.codec.encode(record.update)
            place = {"partition": record.partition, "timestamp": row.timestamp}
            producer.produce(row.topic, row.value, row.key, headers=headers, **place)
    assert producer.flush(60) == 0


def located(fleet: Fleet, topic: str) -> list[tuple[Any, str]]:
    return [(fleet.codec.decode(topic, value), text(place)) for place, _, value in fleet.read(topic)]


def text(place: TopicPartition) -> str:
    return f"{place.topic}/{place.partition}/{place.offset}"


def asked(world: World, capsys: pytest.CaptureFixture[str], prediction: str, depth: int = 1) -> tuple[int, Any]:
    capsys.readouterr()
    code = run(world.fleet.log.bootstrap, world.fleet.log.registry, prediction, depth, "json")
    return code, json.loads(capsys.readouterr().out)


def named(source: str, device: str, minute: int) -> str:
    return prediction_id(source, device, HORIZON, START + minute * MINUTE)


def links(link: Any) -> Iterator[Any]:
    yield link
    for child in link["children"]:
        yield from links(child)


def one(told: Any, label: str) -> Any:
    (found,) = [link for link in links(told["lineage"]) if link["label"] == label]
    return found


def between(world: World, device: str, begin: int, end: int) -> list[Placed]:
    """Readings of a device from one minute to another, in the order of the log, but what came late."""
    span = range(START + begin * MINUTE, START + end * MINUTE)
    return [row for row in world.readings[device] if row[2].event_time in span and in_time(row[2])]


def in_time(reading: Reading) -> bool:
    return reading.event_time >= START + reading.epoch * 31_000


def test_from_a_local_forecast_to_the_readings(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    code, told = asked(world, capsys, named("local", "mote-01", 345))
    assert (code, told["broken"]) == (0, 0)
    # At minute 345, the event is due that was made of the window to minute 300; the first was to 60.
    model, place = world.models[9]
    version = one(told, "version 9")
    assert version["place"] == place
    contributors = {c.update_id for c in model.contributions if c.coefficient}
    assert contributors == {f"{device}/{9 if device == 'mote-02' else 10}" for device in DEVICES}
    assert {child["label"] for child in version["children"]} == contributors
    for update in version["children"]:
        device = update["label"].partition("/")[0]
        assert update["place"] == world.updates[update["label"]][1]
        behind, base = update["children"]
        own = between(world, device, 270, 300)
        assert behind["place"] == f"iot_stream/{own[0][0]}/{own[0][1]}..{own[-1][1]}"
        assert behind["detail"].startswith(f"{len(own) + (device == 'mote-03')} of its own")
        assert ("1 of them refused" in behind["detail"]) == (device == "mote-03")
        assert (base["label"], base["place"]) == ("stands on version 8", world.models[8][1])
    assert one(told, "versions 8 → 7 → 6 → … → 2 → 1 → 0")["detail"] == "8 on the log"
    made, scored = told["lineage"]["children"][:2]
    for form, minute in ((made, 345), (scored, 375)):
        partition, offset, _ = between(world, "mote-01", 0, minute)[-1]
        assert form["children"][0]["place"] == f"iot_stream/{partition}/{offset}"
        assert form["place"].startswith(f"predictions/{partition}/")
    itself = one(told, "mote-01 itself")
    assert [child["label"] for child in itself["children"]] == ["mote-01/11", "mote-01/12"]
    assert [child["place"] for child in itself["children"]] == [world.updates[f"mote-01/{n}"][1] for n in (11, 12)]


@pytest.mark.parametrize("depth", [1, 3])
def test_every_forecast_of_the_loop_is_sound(world: World, capsys: pytest.CaptureFixture[str], depth: int) -> None:
    # The batch evaluator has not run; another test here writes in its name what is not sound.
    every = sorted({p.prediction_id for p in world.fleet.events("predictions") if p.source != "batch"})
    assert {"local", "stream"} == {prediction.partition("/")[0] for prediction in every}
    for prediction in every[:: len(every) // 40]:
        code, told = asked(world, capsys, prediction, depth)
        assert (code, told["broken"]) == (0, 0), [link for link in links(told["lineage"]) if not link["ok"]]


def test_people_see_a_tree(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    prediction = named("stream", "mote-01", 345)
    assert run(world.fleet.log.bootstrap, world.fleet.log.registry, prediction) == 0
    printed = capsys.readouterr().out
    assert f"✓ prediction {prediction}" in printed
    assert world.updates["mote-01/11"][1] in printed
    assert "links hold" in printed
    assert "✗" not in printed


def test_a_contribution_that_points_elsewhere_breaks_its_link(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    newest, _ = world.models[max(world.models)]
    first, *others = newest.contributions
    wrong = newest._replace(
        version=newest.version + 1,
        parent_version=newest.version,
        window_start=newest.window_end,
        window_end=newest.window_end + WINDOW,
        contributions=(first._replace(offset=0), *others),
    )
    event = next(p for p in world.fleet.events("predictions") if p.prediction_id == named("stream", "mote-01", 345))
    name = prediction_id("batch", "mote-01", HORIZON, event.made_at, wrong.version)
    world.fleet.fill([wrong, event._replace(prediction_id=name, source="batch", model_version=wrong.version)])
    code, told = asked(world, capsys, name)
    assert (code, told["broken"]) == (1, 1)
    place = f"local_updates/{first.partition}/0"
    assert one(told, first.update_id) == {
        "label": first.update_id,
        "place": place,
        "ok": False,
        "detail": f"accepted, {first.coefficient:.2%}, late: the window of its event time had closed",
        "wrong": [f"{place}: expected a LocalUpdate, found a mark of the watermark"],
        "children": [],
    }
    assert run(world.fleet.log.bootstrap, world.fleet.log.registry, name) == 1
    assert f"✗ {first.update_id}" in capsys.readouterr().out


def test_an_unknown_prediction_is_an_error_that_says_where_it_was_looked_for(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    name = named("local", "mote-99", 345)
    assert run(world.fleet.log.bootstrap, world.fleet.log.registry, name) == 2
    out, said = capsys.readouterr()
    assert out == ""
    assert f"no prediction {name} on topic predictions" in said
    assert run(world.fleet.log.bootstrap, world.fleet.log.registry, "mote-99") == 2
    assert "'mote-99' is no prediction id" in capsys.readouterr().err


@pytest.mark.parametrize("away", ["bootstrap", "registry"])
def test_without_a_server_it_says_which(world: World, capsys: pytest.CaptureFixture[str], away: str) -> None:
    nobody = f"127.0.0.1:{free(1)[0]}"
    log = world.fleet.log._replace(**{away: nobody if away == "bootstrap" else f"http://{nobody}"})
    assert run(log.bootstrap, log.registry, named("local", "mote-01", 345)) == 2
    out, said = capsys.readouterr()
    assert out == ""
    assert ("Kafka" if away == "bootstrap" else "the registry") + f" at {getattr(log, away)} does not answer" in said
