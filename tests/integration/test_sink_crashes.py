"""The sink at every point of its order of durability, with records that are none among the good: nothing is lost."""

import math
import random
import signal
import time
from typing import NamedTuple

import pytest

from mongo_sink.topic_reader import whole
from schemas.codec import Codec
from tests import mongo_servers
from tests.integration.conftest import emptied
from tests.integration.crashing_sink import BULK_OF, CRASHES
from tests.integration.sinks import Sink, Writer, finish, global_model, prediction, reading, until, update

pytestmark = [pytest.mark.integration, pytest.mark.long]
BATCH = 200
DEVICES = [f"mote-{number}" for number in range(6)]
READINGS = 1_500
FORECASTS = 100  # of a device, with what is new for some batches
VERSIONS = 40
KILLED = (
    *((point, name) for name in ("sensor-readings", "model-files") for point in CRASHES),
    *(
        (point, name)
        for name in ("predictions", "models", "forecast-errors")
        for point in ("in the bulk", "written", "held")
    ),
)
"""Where, and in a batch of which connector."""
AT_DEATH = {
    "polled": (False, False, False),
    "made ready": (False, False, False),
    "in the bulk": (True, False, False),
    "written": (True, False, False),
    "letters sent": (True, False, False),
    "held": (True, True, False),
    "committed": (True, True, True),
}
"""Whether the view has some of the first batch, says that it holds it, and has the group know."""
TOLD = {"max.batch.size": BATCH, "errors.deadletterqueue.context.headers.enable": True}
READ_BY = {
    "iot_stream": ("sensor-readings",),
    "predictions": ("predictions", "forecast-errors"),
    "local_updates": ("models", "model-files"),
    "global_models": ("models", "champion", "model-files"),
}
"""Which connectors have a letter to send of each record that is no event."""


class Bad(NamedTuple):
    """A record that cannot be kept: where it lies, what is wrong with it, and who says so."""

    topic: str
    partition: int
    offset: int
    error: str
    senders: tuple[str, ...]


class Written(NamedTuple):
    log: object
    bad: list


def shuffled(events):
    """In an order of its own, each twice."""
    twice = 2 * list(events)
    random.Random(20040301).shuffle(twice)
    return twice


@pytest.fixture(scope="module")
def written(log_servers, mongo):
    """On a log of its own for each server, else its letters would be those of the servers before, too."""
    log = emptied(log_servers)
    writer, codec, bad = Writer(log), Codec(log.registry), []
    good = codec.encode(reading("mote-0", 10**6)).value

    def add(topic, value, error, key=b"key", senders=None):
        bad.append(Bad(topic, *writer.write_bytes(topic, value, key), error, senders or READ_BY[topic]))

    def spoil():
        for topic in READ_BY:
            add(topic, b"no Avro", "NotAvroError")
            add(topic, b"\0\xff\xff\xff\xffnobody's", "UnknownSchemaError")
        add("predictions", None, "NotAvroError")
        add("iot_stream", good[:-4], "TruncatedRecordError")
        add("iot_stream", good, "InvalidEventError", b"mote-5")
        nan = codec.encode(reading("mote-1", 10**6)._replace(humidity=math.nan))
        add("iot_stream", nan.value, "InvalidEventError", nan.key)

    def refuse(version):
        """Events that are sound, and yet one view cannot have them; the others do."""
        unnamed = codec.encode(global_model("fleet", version)._replace(strategy_parameters={"a\0b": 1.0}))
        add("global_models", unnamed.value, "DocumentRefusedError", unnamed.key, ("models",))
        weightless = codec.encode(global_model("fleet", version + 1)._replace(weights=b"none"))
        add("global_models", weightless.value, "NotAModelError", weightless.key, ("model-files",))

    spoil()  # first and in between, so that batches that are killed have some
    for half in range(2):
        positions = range(half * READINGS // 2, (half + 1) * READINGS // 2)
        forms = [(device, n, scored) for n in range(FORECASTS) for device in DEVICES for scored in (False, n % 5 > 0)]
        measured = [reading(DEVICES[position % len(DEVICES)], position) for position in positions]
        forecast = [prediction(device, n, scored=scored) for device, n, scored in shuffled(forms)]
        for events in (measured, forecast):
            writer.write(events[:BATCH])
            spoil()
            writer.write(events[BATCH:])
        numbers = range(half * VERSIONS // 2 + 1, (half + 1) * VERSIONS // 2 + 1)
        for first in numbers[::5]:  # so that no batch is without a newer one
            some = range(first, first + 5)
            writer.write(shuffled(update(device, number) for number in some for device in DEVICES))
        writer.write(shuffled(global_model("fleet", number) for number in numbers))
        refuse(VERSIONS + 2 * half + 1)
        spoil()
    return Written(log, bad)


@pytest.fixture(scope="module")
def undisturbed(written, mongo, tmp_path_factory):
    """What a sink keeps to which nothing happens."""
    sink = Sink(written.log, mongo, tmp_path_factory.mktemp("undisturbed"), **TOLD)
    sink.catch_up()
    yield sink
    sink.database.client.drop_database(sink.database.name)


@pytest.fixture(scope="module")
def expected(undisturbed):
    return undisturbed.digests()


@pytest.fixture(scope="module")
def recovered(written, undisturbed, mongo, tmp_path_factory):
    """Sinks that were killed at a point, in the first batch of a connector and in a later one, and went on then."""
    sinks = {key: Sink(written.log, mongo, tmp_path_factory.mktemp("killed"), **TOLD) for key in KILLED}
    for batch in (1, 2):
        started = {
            key: sink.start(module=("tests.integration.crashing_sink", *key, str(batch))) for key, sink in sinks.items()
        }
        for key, process in started.items():
            code, output = finish(process, 240)
            assert code == -signal.SIGKILL, (key, batch, output)
        if batch == 1:
            for key, sink in sinks.items():
                assert at_death(sink, key[1]) == AT_DEATH[key[0]], key
    catch_up(sinks.values())
    yield sinks
    for sink in sinks.values():
        sink.database.client.drop_database(sink.database.name)


def at_death(sink, name):
    """What a killed sink leaves of a connector's first batch: see ``AT_DEATH``."""
    if name == "model-files":
        in_view = any(sink.models.glob("*/*.safetensors")) or any(sink.models.glob("*/.*.tmp"))
    else:
        in_view = sink.database[BULK_OF[name]].count_documents({}) > 0
    return in_view, bool(sink.held(name)), bool(sink.committed(name))


def catch_up(sinks, **started):
    running = [(sink, sink.start(**started)) for sink in sinks]
    for sink, process in running:
        until(lambda sink=sink: sink.behind() == 0 and sink.unheld() == 0, process)
    for _, process in running:
        process.terminate()
    for _, process in running:
        code, output = finish(process)
        assert code == 0, output


def letters(log):
    """The dead letters on the topic, those of one id together, each with the connector that sent it."""
    codec, found = Codec(log.registry), {}
    for message in whole(log.bootstrap, "dead_letters"):
        letter = codec.decode("dead_letters", message.value(), message.key())
        sender = dict(message.headers()).get("__connect.errors.connector.name", b"").decode()
        found.setdefault(letter.letter_id, []).append((letter, sender))
    return found


def test_an_undisturbed_sink_has_every_event_once(undisturbed):
    database = undisturbed.database
    assert sorted(each["position"] for each in database.sensor_readings.find()) == list(range(READINGS))
    newest = sorted((each["_id"], each["sequence"]) for each in database.local_models.find())
    assert newest == [(device, VERSIONS) for device in DEVICES]
    sound = range(1, VERSIONS + 1)
    nameless, weightless = {VERSIONS + 1, VERSIONS + 3}, {VERSIONS + 2, VERSIONS + 4}
    assert {each["_id"] for each in database.global_model.find()} == {*sound, *weightless}
    assert [(each["_id"], each["version"]) for each in database.champion.find()] == [("fleet", VERSIONS + 4)]
    files = {path.stem for path in (undisturbed.models / "global").iterdir()}
    assert files == {f"v{version:06d}" for version in {*sound, *nameless}}
    assert {path.stem for path in (undisturbed.models / "local").iterdir()} == set(DEVICES)
    forecasts = list(database.predictions.find())
    assert len(forecasts) == FORECASTS * len(DEVICES)
    assert sum(each["actual"] is None for each in forecasts) == FORECASTS // 5 * len(DEVICES)


@pytest.mark.parametrize(("point", "name"), KILLED)
def test_killed_anywhere_it_ends_as_if_nothing_had_been(recovered, expected, point, name):
    assert recovered[point, name].digests() == expected


def test_every_bad_record_is_a_letter_with_its_place_and_error(written, recovered):
    found = letters(written.log)
    assert found.keys() >= {f"mongo_sink/{bad.topic}/{bad.partition}/{bad.offset}" for bad in written.bad}
    for bad in written.bad:
        own = found[f"mongo_sink/{bad.topic}/{bad.partition}/{bad.offset}"]
        (letter,) = {letter for letter, _ in own}  # whoever has sent it, and however often
        assert (letter.origin_topic, letter.origin_partition, letter.origin_offset, letter.error_class) == bad[:4]
        assert letter.stage == "mongo_sink"
        senders = {sender for _, sender in own}
        assert senders >= {f"{sink.tag}-{name}" for sink in recovered.values() for name in bad.senders}


def test_the_server_killed_in_a_bulk_is_waited_for(written, expected, mongo_kind, tmp_path):
    if mongo_kind == mongo_servers.CONFIGURED:
        pytest.skip("the server at FEDLOG_MONGO is somebody's, and not to be killed")
    with mongo_servers.Server(mongo_kind, tmp_path / "server") as server:
        sink = Sink(written.log, server.uri, tmp_path, **TOLD)
        happening = ("tests.integration.crashing_sink", "server killed", "sensor-readings", "4")
        process = sink.start(module=happening, server=server.process.pid)
        until(lambda: server.process.poll() == -signal.SIGKILL, process)
        time.sleep(1)  # it finds the server away, more than once
        server.start()
        until(lambda: sink.behind() == 0, process)
        process.terminate()
        code, output = finish(process)
        assert code == 0, output
        assert "waiting for MongoDB" in output
        assert sink.digests() == expected


def test_deliveries_twice_and_in_another_order_change_nothing(written, expected, mongo, tmp_path):
    sink = Sink(written.log, mongo, tmp_path, **TOLD)
    for _ in range(2):
        catch_up([sink], module=("tests.integration.crashing_sink", "shuffled", "", "0"))
        assert sink.digests() == expected
        sink.database.sink_positions.drop()
    sink.database.client.drop_database(sink.database.name)


def test_what_the_database_refuses_is_a_letter_till_it_can_be_written(written, undisturbed, expected, mongo, tmp_path):
    sink = Sink(written.log, mongo, tmp_path, **TOLD)
    collection = sink.database.sensor_readings
    collection.create_index("position", unique=True)
    collection.insert_one({"_id": "in the way", "position": 1_234})
    output = sink.catch_up()
    assert output.count("is a dead letter: 11000") == 1
    refused = undisturbed.database.sensor_readings.find_one({"position": 1_234})
    ((letter, _),) = letters(written.log)[f"mongo_sink/{refused['_id'].replace('#', '/')}"]
    assert (letter.stage, letter.error_class) == ("mongo_sink", "DocumentRefusedError")
    assert "11000" in letter.error_message
    assert collection.count_documents({}) == READINGS

    collection.drop_index("position_1")
    collection.delete_one({"_id": "in the way"})
    code, output = finish(sink.start("redrive", "--letter", letter.letter_id))
    assert (code, output.splitlines()[-1]) == (0, "1 accepted, 0 refused again"), output
    kept = {line.split()[0]: line for line in sink.digests()}
    assert kept["sensor_readings"] == {line.split()[0]: line for line in expected}["sensor_readings"]
    sink.database.client.drop_database(sink.database.name)
