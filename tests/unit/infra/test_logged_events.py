"""Where a stage says something of a record, the object that it logs names it."""

import asyncio
import logging
from types import SimpleNamespace
from unittest.mock import Mock

import pytest

from aggregator_stream import consuming
from aggregator_stream.aggregation import Aggregation
from aggregator_stream.fold.restore import beginning
from aggregator_stream.fold.state import Located, Mark
from aggregator_stream.http.board import Board
from infra.services import services
from infra.settings import Settings
from infra.supervision import render
from mongo_sink.config import ConnectorConfig
from mongo_sink.dead_letters import DeadLetterReporter
from producers.tails import LogReader
from schemas.codec import NotAvroError
from schemas.wire import Origin, Record
from spark_analytics.models import Models
from tests.unit.aggregator_stream.fleet import RULES, update, written
from tests.unit.logged import objects


class NoAvro:
    """A codec that finds no event in anything, and encodes all the same."""

    def decode(self, *_):
        raise NotAvroError("no magic byte")

    def encode(self, event):
        return Record("dead_letters", b"", b"", [], 0)


def sink():
    plain = {"name": "readings", "connector.class": "MongoSinkConnector", "topics": "iot_stream"}
    config = ConnectorConfig.of(plain | {"errors.tolerance": "all", "errors.log.enable": "true"})
    reporter = DeadLetterReporter(config, NoAvro(), lambda: None)
    reporter.report(Origin("iot_stream", 2, 17), b"bytes", NotAvroError("no magic byte"))


def aggregator():
    message = SimpleNamespace(partition=2, offset=17, key=b"mote-07", timestamp=0.0, value=b"bytes")
    consuming.letter(
        "aggregator_stream", "local_updates", SimpleNamespace(message=message), NotAvroError("no magic byte")
    )


def producer():
    reader = LogReader("127.0.0.1:9", NoAvro())
    message = Mock(**{"topic.return_value": "iot_stream", "partition.return_value": 2, "offset.return_value": 17})
    assert reader._event(message) is None
    reader.close()


def spark():
    models = object.__new__(Models)
    models.config, models.codec, models.letters = None, NoAvro(), []
    models._take(b"bytes", Origin("global_models", 2, 17))
    assert len(models.letters) == 1


@pytest.mark.parametrize(
    ("stage", "package", "topic"),
    [
        (sink, "mongo_sink", "iot_stream"),
        (aggregator, "aggregator_stream", "local_updates"),
        (producer, "producers", "iot_stream"),
        (spark, "spark_analytics", "global_models"),
    ],
)
def test_what_is_no_event_is_named_by_its_place(stage, package, topic):
    with objects() as lines:
        stage()
    (line,) = [line for line in lines if "no magic byte" in line["message"]]
    assert line["event_id"] == f"{topic}#2#17"
    assert line["logger"].startswith(f"{package}.")


def closing(send):
    """The aggregation of a device's updates until windows close, on an event loop of its own."""
    log = written([(update("mote-01", n, 30 * n), 30 * n) for n in range(1, 5)])
    aggregation = Aggregation(RULES, beginning(RULES), Board(), send, lambda step: None)

    async def all_of_it():
        for position in range(max(map(len, log))):
            for partition in log:
                for record in partition[position : position + 1]:
                    await aggregation.take(record)

    asyncio.run(all_of_it())
    return [record for partition in log for record in partition]


def test_the_aggregator_names_what_closed_a_window():
    async def send(model):
        return 0, model.version

    with objects() as lines:
        records = closing(send)
    updates = {record.update.update_id for record in records if isinstance(record, Located)}
    marks = {f"local_updates#{mark.partition}#{mark.offset}" for mark in records if isinstance(mark, Mark)}
    versions = [line for line in lines if line["message"].startswith("version ")]
    assert versions
    assert {line["event_id"] for line in versions} <= updates | marks


def test_whoever_hears_that_the_aggregation_failed_hears_of_the_event():
    async def send(model):
        raise OSError("Kafka is away")

    with objects() as lines:
        try:
            closing(send)
        except OSError:
            logging.getLogger("mode").exception("crashed")
    (line,) = [line for line in lines if line["logger"] == "mode"]
    assert line["event_id"].startswith(("mote-01/", "local_updates#"))


def test_the_format_reaches_every_process(tmp_path):
    settings = Settings(home=tmp_path, log_format="json")
    configured = render(settings)
    assert configured.count('FEDLOG_LOG_FORMAT="json"') == len(services(settings))
