"""Whether a server answers, asked of servers that say what a test wants."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest
from confluent_kafka import KafkaException
from prometheus_client import generate_latest

from infra import ports, ready, status
from infra.services import services
from infra.settings import HOST, Settings
from mongo_sink.meter import Meter
from schemas.topics import TOPICS


@pytest.fixture
def page():
    """The settings of a sink on whose port a page of metrics is served, and what it answers with."""
    answers = SimpleNamespace(status=200, text="fedlog_sink_records_total 1\n")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(answers.status if self.path == "/metrics" else 404)
            self.end_headers()
            self.wfile.write(answers.text.encode())

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer((HOST, 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Settings(sink_metrics_port=server.server_port), answers
    server.shutdown()
    server.server_close()


def test_a_sink_is_well_when_it_shows_its_metrics(page):
    settings, answers = page
    assert ready.sink(settings)
    answers.status = 500
    assert not ready.sink(settings)
    assert not ready.sink(Settings(sink_metrics_port=ports.free(1)[0]))


@pytest.mark.parametrize(("second", "state"), [(0, "healthy"), (1, "failed")])
def test_a_sink_of_which_one_task_has_failed_is_said_to_have_failed(page, monkeypatch, second, state):
    settings, answers = page
    meter = Meter()
    meter.failed("models-0", is_so=False)
    meter.failed("files-0", is_so=bool(second))
    answers.text = generate_latest(meter.registry).decode()
    monkeypatch.setattr(status, "_launching", lambda pid: False)
    process = {"statename": "RUNNING", "pid": 1}
    assert status._state(settings, services(settings)["sink"], process) == state
    answers.status = 500
    assert status._state(settings, services(settings)["sink"], process) == "starting"


@pytest.mark.parametrize(("ends", "well"), [([0, 0, 0, 0], False), ([0, 0, 7, 0], True), (None, False)])
def test_a_producer_is_well_when_there_is_a_reading(monkeypatch, ends, well):
    class Admin:
        def __init__(self, *_, **__):
            pass

        def list_offsets(self, places, request_timeout):
            assert {place.topic for place in places} == {"iot_stream"}
            assert len(places) == TOPICS["iot_stream"].partitions

            def result(partition):
                if ends is None:
                    raise KafkaException("down")
                return SimpleNamespace(offset=ends[partition])

            return {place: SimpleNamespace(result=lambda n=place.partition: result(n)) for place in places}

    monkeypatch.setattr(ready, "AdminClient", Admin)
    assert ready.producer(Settings()) is well
