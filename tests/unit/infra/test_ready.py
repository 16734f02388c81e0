"""Whether a server answers, asked of servers that say what a test wants."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest
from confluent_kafka import KafkaException

from infra import ports, ready
from infra.settings import HOST, Settings
from schemas.topics import TOPICS


@pytest.fixture
def page():
    """The settings of a sink on whose port a page of metrics is served, and what it answers with."""
    answers = SimpleNamespace(status=200)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(answers.status if self.path == "/metrics" else 404)
            self.end_headers()
            self.wfile.write(b"fedlog_sink_records_total 1\n")

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
