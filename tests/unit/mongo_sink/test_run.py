"""What becomes of the other tasks, and of the process, when one task ends with an error."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event as Signal
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from confluent_kafka import KafkaException, Producer
from prometheus_client import generate_latest

from mongo_sink import __main__ as command
from mongo_sink import positions
from mongo_sink import run as running
from mongo_sink import worker as working
from mongo_sink.model_files import read_metadata
from mongo_sink.preparing import PreparationError
from mongo_sink.run import TasksFailedError, run
from schemas.codec import Codec, NotAvroError
from tests.unit.broker import QUIET
from tests.unit.mongo_sink.sink_events import update
from tests.unit.schemas.fake_registry import FakeRegistry

PATIENCE_S = 60


class Workers:
    """What each task does, in place of a worker: ``run(name, stopping)``; and the meter that they are given."""

    def __init__(self, monkeypatch, does):
        self.does, self.meter = does, None
        monkeypatch.setattr(running, "Worker", self)

    def __call__(self, properties, bootstrap, registry, stopping, *, task):
        name = f"{properties['name']}-{task}"

        def run(meter):
            self.meter = meter
            self.does(name, stopping)

        return SimpleNamespace(name=name, run=run)

    def failed(self):
        lines = generate_latest(self.meter.registry).decode().splitlines()
        return sorted(line for line in lines if line.startswith("fedlog_sink_failed{"))


def connectors(*names):
    return [{"name": name, "connector.class": "MongoSinkConnector", "topics": "iot_stream"} for name in names]


def test_a_task_that_meets_what_it_may_not_pass_over_ends_alone(monkeypatch, caplog):
    ended, seen = Signal(), []

    def does(name, stopping):
        if name == "bad-0":
            ended.set()
            raise NotAvroError("no magic byte")
        assert ended.wait(PATIENCE_S)
        while workers.failed() != ['fedlog_sink_failed{task="bad-0"} 1.0', 'fedlog_sink_failed{task="good-0"} 0.0']:
            assert not stopping.wait(0.01)
        assert not stopping.wait(0.1)  # nobody is told to stop
        seen.append(workers.meter.line())
        stopping.set()

    workers = Workers(monkeypatch, does)
    with pytest.raises(TasksFailedError, match=r"^bad-0 has failed: no magic byte$"):
        run(connectors("bad", "good"), "", "", Signal())
    assert seen == ["bad-0 HAS FAILED"]
    assert "bad-0 has failed, and the others go on without it" in caplog.text


def test_where_all_have_failed_the_process_ends_by_itself(monkeypatch):
    def does(name, stopping):
        raise NotAvroError(name) if name == "a-0" else PreparationError(name)

    Workers(monkeypatch, does)
    with pytest.raises(TasksFailedError, match="a-0 has failed: a-0; b-0 has failed: b-0"):
        run(connectors("a", "b"), "", "", Signal())


def test_what_another_start_may_mend_ends_all_of_them(monkeypatch):
    stopped = []

    def does(name, stopping):
        if name == "kafka-0":
            raise KafkaException("fatal")
        if name == "bad-0":
            raise NotAvroError("no magic byte")
        stopped.append(stopping.wait(PATIENCE_S))

    Workers(monkeypatch, does)
    with pytest.raises(KafkaException):
        run(connectors("bad", "kafka", "good"), "", "", Signal())
    assert stopped == [True]


def test_that_no_other_start_would_help_is_said_by_the_exit_status(monkeypatch, tmp_path):
    def failing(*_):
        raise TasksFailedError("bad-0 has failed: no magic byte")

    monkeypatch.setattr(command, "run_connectors", failing)
    monkeypatch.setattr(command, "_stopping", Signal)
    monkeypatch.setattr(command, "_connectors", lambda **_: [])
    done = CliRunner().invoke(command.main, ["run", "--bootstrap", "b", "--registry", "r"])
    assert done.exit_code == command.GIVE_UP
    assert "bad-0 has failed: no magic byte" in done.output


def test_one_poison_record_ends_the_connector_that_tolerates_none_and_no_other(broker, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(working, "COMPANY_SECONDS", 0.05)
    registry, stopping = FakeRegistry(), Signal()
    codec, producer = Codec(registry.url), Producer({"bootstrap.servers": broker} | QUIET)
    events = [codec.encode(update(sequence, "mote-07")) for sequence in (1, 2)]
    for value in (events[0].value, b"poison", events[1].value):
        producer.produce("local_updates", value, b"mote-07", 0)
    assert producer.flush(10) == 0
    folders = {tolerance: tmp_path / tolerance for tolerance in ("none", "all")}
    plain = {"connector.class": "ModelFileSinkConnector", "topics": "local_updates"}
    told = [
        plain | {"name": tolerance, "errors.tolerance": tolerance, "models.directory": str(folder)}
        for tolerance, folder in folders.items()
    ]

    def held(tolerance):
        return positions.read(folders[tolerance]).get(("local_updates", 0), 0)

    with ThreadPoolExecutor(1) as pool:
        done, deadline = pool.submit(run, told, broker, registry.url, stopping), time.monotonic() + PATIENCE_S
        while not (done.done() or (held("all") == 3 and "none-0 has failed" in caplog.text)):
            if time.monotonic() > deadline:
                stopping.set()
            time.sleep(0.05)
        assert not done.done()
        stopping.set()
    registry.close()
    with pytest.raises(TasksFailedError, match=r"^none-0 has failed: value of 6 bytes lacks the magic byte"):
        done.result()
    assert read_metadata(folders["all"] / "local/mote-07.safetensors")["sequence"] == "2"
    assert held("none") <= 1
