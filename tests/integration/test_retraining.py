"""The readings of a log learned from again, under other settings, and held beside what is there."""

import hashlib
import json

import pytest
from click.testing import CliRunner
from confluent_kafka.admin import AdminClient

from forecaster.config import Config
from forecaster.knowledge import architecture
from infra.__main__ import main
from infra.archive.reading import partitions_of
from infra.retraining.names import RetrainingError, all_of
from infra.retraining.run import retrain
from mongo_sink.topic_reader import whole
from schemas.codec import Codec
from schemas.topics import TOPICS
from tests.integration.conftest import Log, emptied
from tests.integration.fleet import DEVICES, START, readings
from tests.integration.sinks import Writer

pytestmark = [pytest.mark.integration, pytest.mark.alone]
READINGS = readings()[:4_000]  # of fourteen hours
LEARNER = "width=16,learning_rate=0.003"


@pytest.fixture(scope="module")
def trained(log_servers):
    """A log whose readings were learned from once more."""
    writer = Writer(emptied(log_servers))
    writer.write_bytes("iot_stream", b"no Avro", timestamp=START)
    writer.write(READINGS)
    before = digests(log_servers)
    retrain(log_servers, "other", {"strategy": "median", "learner": LEARNER})
    return log_servers, before


def digests(settings):
    """Of each of the originals, all that lies in it."""
    found = {}
    for topic in TOPICS:
        whole_topic = [
            (each.partition(), each.offset(), each.timestamp(), each.key(), each.value())
            for each in whole(settings.bootstrap, topic)
        ]
        found[topic] = hashlib.sha256(repr(sorted(whole_topic, key=repr)).encode()).hexdigest()
    return found


def events(settings, prefix, topic):
    codec, name = Codec(settings.registry), all_of(prefix)[topic]
    return [codec.decode(topic, each.value(), each.key()) for each in whole(settings.bootstrap, name) if each.value()]


def test_the_originals_are_as_they_were(trained):
    settings, before = trained
    assert digests(settings) == before


def test_every_reading_is_learned_from_and_the_models_are_of_its_own_settings(trained):
    settings, _ = trained
    models = events(settings, "other", "global_models")
    assert len(models) > 20
    assert {model.strategy for model in models} == {"median"}
    assert {model.architecture for model in models} == {architecture(Config(width=16))}
    assert [each.version for each in models] == list(range(1, len(models) + 1))
    updates = events(settings, "other", "local_updates")
    assert {update.device_id for update in updates} == {reading.device_id for reading in READINGS} == set(DEVICES)
    last = dict.fromkeys(range(TOPICS["iot_stream"].partitions), 0)
    for update in updates:
        last[update.reading_partition] = max(last[update.reading_partition], update.last_offset)
    ends = {each.partition(): each.offset() for each in whole(settings.bootstrap, "iot_stream")}
    assert all(last[partition] > end - 100 for partition, end in ends.items())
    letters = events(settings, "other", "dead_letters")
    assert {letter.stage for letter in letters} == {"flink_training"}
    assert {letter.error_class for letter in letters} == {"NotAvroError", "LateReadingError"}


def test_errors_are_held_beside_those_of_the_originals(trained, monkeypatch):
    settings, _ = trained
    for name, value in settings.exported().items():
        monkeypatch.setenv(name, value)
    run = CliRunner().invoke(main, ["compare", "--b", "other"])
    assert run.exit_code == 1
    assert "the original has scored no forecast yet" in run.output
    scored = {event.prediction_id: event for event in events(settings, "other", "predictions") if event.actual}
    # The originals know it all, but for a degree.
    half = list(scored.values())[len(scored) // 2 :]
    right = [each._replace(forecast=each.actual._replace(temperature=each.actual.temperature + 1)) for each in half]
    Writer(Log(settings.bootstrap, settings.registry)).write(right)
    run = CliRunner().invoke(main, ["compare", "--b", "other", "--format", "json"])
    assert run.exit_code == 0, run.output
    told = json.loads(run.stdout)
    assert (told["a"]["versions"], told["b"]["strategy"]) == (0, "median")
    assert {(row["sensor"], row["horizon"]) for row in told["errors"]} >= {("temperature", m) for m in (30, 60, 120)}
    common = [event for event in half if event.horizon_ms == 1_800_000]
    own = next(row for row in told["errors"] if (row["sensor"], row["horizon"]) == ("temperature", 30))
    assert own["targets"] == len(common) > 100
    assert own["a"] == pytest.approx(1)
    errors = [abs(event.forecast.temperature - event.actual.temperature) for event in common]
    assert own["b"] == pytest.approx(sum(errors) / len(errors))


def test_topics_that_are_there_are_not_written_to(trained):
    settings, _ = trained
    with pytest.raises(RetrainingError, match="topics of 'other' already"):
        retrain(settings, "other", {})
    with pytest.raises(RetrainingError, match="no setting colour"):
        retrain(settings, "third", {"colour": "blue"})
    with pytest.raises(RetrainingError, match="learner has no 'depth'"):
        retrain(settings, "third", {"learner": "depth=3"})
    present = partitions_of(AdminClient({"bootstrap.servers": settings.bootstrap}))
    assert present.keys().isdisjoint(all_of("third").values())
