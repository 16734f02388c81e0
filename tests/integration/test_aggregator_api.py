"""Devices that do not talk to Kafka: posted updates become events, windows, and a model that they can fetch."""

import base64
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from confluent_kafka import Producer
from prometheus_client.parser import text_string_to_metric_families

from aggregator_stream.recheck import run as recheck
from infra.ports import free
from infra.settings import ROOT, Settings
from infra.threads import ONE_THREAD
from schemas.events import LocalUpdate
from schemas.topics import PARTITIONS
from tests.e2e.system import eventually
from tests.integration.conftest import emptied
from tests.integration.fleet import START, WINDOW, Fleet
from tests.integration.synthetic_updates import update

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

TOKEN = {"Authorization": "Bearer sesame"}


@pytest.fixture
def fleet(log_servers: Settings) -> Iterator[Fleet]:
    with closing(Fleet(emptied(log_servers), log_servers)) as made:
        yield made


@pytest.fixture
def api(fleet: Fleet, tmp_path: Path) -> Iterator[httpx.Client]:
    """A client of an aggregator that runs as a process of its own."""
    port = free(1)[0]
    argv = [sys.executable, "-m", "aggregator_stream", "run", "--bootstrap", fleet.log.bootstrap]
    argv += ["--registry", fleet.log.registry, "--port", str(port), "--folder", str(tmp_path)]
    environment = {**os.environ, **ONE_THREAD, "FEDLOG_AGGREGATOR_TOKEN": "sesame"}
    process = subprocess.Popen(argv, cwd=ROOT, env=environment, stderr=(tmp_path / "log").open("a"))
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:

        def answers() -> bool:
            try:
                return client.get("/health").status_code == 200
            except httpx.TransportError:
                assert process.poll() is None, (tmp_path / "log").read_text()[-2000:]
                return False

        eventually(answers, 60, "an answer", 0.2)
        yield client
    process.terminate()
    assert process.wait(20) == 0


def spoil(fleet: Fleet) -> None:
    """A record that is no update, at the end of every partition."""
    producer = Producer({"bootstrap.servers": fleet.log.bootstrap})
    for partition in range(PARTITIONS):
        producer.produce("local_updates", b"no update", b"somebody", partition=partition)
    assert producer.flush(30) == 0


def posted(client: httpx.Client, event: LocalUpdate, **headers: str) -> httpx.Response:
    body = event._asdict() | {
        "weights": base64.b64encode(event.weights).decode(),
        "errors": [error._asdict() for error in event.errors],
    }
    return client.post("/local_updates", json=body, headers=headers)


def test_records_that_are_no_updates_hold_no_window_up(fleet: Fleet, api: httpx.Client) -> None:
    """Also where a partition has nothing else, and where they are the last."""
    spoil(fleet)
    made = [update(f"greenhouse-{d}", n, START + n * WINDOW, seed=10 * n + d) for n in range(1, 4) for d in (1, 2)]
    assert [posted(api, event, **TOKEN).status_code for event in made] == [202] * len(made)
    spoil(fleet)
    eventually(lambda: fleet.count("global_models") >= 2, 60, "two windows", 0.5)
    models = sorted(fleet.events("global_models"), key=lambda model: model.version)
    counted = [{c.update_id for c in model.contributions} for model in models]
    assert counted == [{f"greenhouse-{d}/{n}" for d in (1, 2)} for n in (1, 2)]
    assert eventually(lambda: fleet.count("dead_letters") == 2 * PARTITIONS, 30, "a letter for each", 0.2)
    older = update("greenhouse-1", 2, START + 4 * WINDOW, seed=99)
    answer = posted(api, older, **TOKEN)
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:fedlog:problem:overtaken")


def test_posted_updates_become_events_windows_and_models_without_anybody_who_marks(
    fleet: Fleet, api: httpx.Client
) -> None:
    assert api.get("/global_model").status_code == 404
    first = update("greenhouse-1", 1, START + WINDOW, seed=1)
    assert posted(api, first).status_code == 401
    assert fleet.count("local_updates") == 0
    made = [first]
    for window in range(1, 5):
        made += [update(f"greenhouse-{d}", window, START + window * WINDOW, seed=10 * window + d) for d in (1, 2, 3)]
    made = list({event.update_id: event for event in made}.values())
    places = {}
    for event in made:
        answer = posted(api, event, **TOKEN)
        assert answer.status_code == 202, answer.text
        places[event.update_id] = (answer.json()["partition"], answer.json()["offset"])
    refused = posted(api, update("greenhouse-1", 9, START, seed=1)._replace(base_version=99), **TOKEN)
    assert refused.status_code == 422
    assert refused.headers["content-type"] == "application/problem+json"

    on_log = {(place.partition, place.offset): value for place, _, value in fleet.read("local_updates")}
    assert len(on_log) == len(made)
    for event in made:
        assert fleet.codec.decode("local_updates", on_log[places[event.update_id]]) == event

    eventually(lambda: fleet.count("global_models") >= 3, 60, "three windows", 0.5)
    models = {model.version: model for model in fleet.events("global_models")}
    counted = [{c.update_id for c in models[version].contributions} for version in (1, 2, 3)]
    assert counted == [{f"greenhouse-{d}/{window}" for d in (1, 2, 3)} for window in (1, 2, 3)]
    assert eventually(lambda: api.get("/global_model").json()["version"] == 3, 10, "the third version", 0.2)
    shown = api.get("/global_models/2").json()
    assert {c["update_id"]: (c["partition"], c["offset"]) for c in shown["contributions"]} == {
        update_id: places[update_id] for update_id in counted[1]
    }
    weights = api.get("/global_models/2/weights")
    assert weights.content == models[2].weights
    assert weights.headers["etag"] == f'"{hashlib.sha256(models[2].weights).hexdigest()}"'
    assert api.get("/global_models/2/weights", headers={"If-None-Match": weights.headers["etag"]}).status_code == 304
    samples = [
        sample
        for family in text_string_to_metric_families(api.get("/metrics").text)
        for sample in family.samples
        if sample.name in ("fedlog_updates_total", "fedlog_model_version") and sample.value
    ]
    assert {(s.name, s.labels.get("outcome"), s.value) for s in samples} == {
        ("fedlog_updates_total", "accepted", 9),
        ("fedlog_model_version", None, 3),
    }
    assert [wrong for _, wrong in recheck(fleet.log.bootstrap, fleet.log.registry)] == [[], [], []]
