"""The producer as a process against a real log: killed at random moments, told to stop, given the wrong data."""

import random
import signal
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from producers import lab, synthetic
from producers.cleaning import Verdict
from producers.dataset import letter, prepare, reading
from producers.partitioning import partition_of
from producers.replay import event_time
from schemas.codec import Codec
from schemas.positions import placings, whereabouts
from schemas.topics import TOPICS

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[2]
LAPS = 2


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A thinned day of synthetic readings, with enough refused rows to lose some."""
    folder = tmp_path_factory.mktemp("data")
    lines = synthetic.write(folder, 11, 1).read_bytes().splitlines(keepends=True)
    thinned = [line if number % 9 else line[:45] + b"\n" for number, line in enumerate(lines[::4])]
    file = folder / "synthetic-seed11-thinned.txt"
    file.write_bytes(b"".join(thinned))
    return file, prepare(file, "synthetic-seed11", folder)


def producer(log, file, cache, *more):
    command = [sys.executable, "-m", "producers", "--bootstrap", log.bootstrap, "--registry", log.registry]
    command += ["--data", str(file), "--cache", str(cache), *more]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finish(process, timeout=240):
    output, _ = process.communicate(timeout=timeout)
    return process.returncode, output


def records(log, topic):
    """Every record of a topic by partition, as (message, event)."""
    codec, found = Codec(log.registry), defaultdict(list)
    consumer = Consumer({"bootstrap.servers": log.bootstrap, "group.id": "test", "enable.auto.commit": False})
    for partition in range(TOPICS[topic].partitions):
        _, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)
        consumer.assign([TopicPartition(topic, partition, 0)])
        while len(found[partition]) < end:
            message = consumer.poll(10)
            assert message is not None, f"{topic}/{partition} ends early"
            assert message.error() is None
            found[partition].append((message, codec.decode(topic, message.value(), message.key())))
    consumer.close()
    return found


def count(log, topic):
    consumer = Consumer({"bootstrap.servers": log.bootstrap, "group.id": "test"})
    partitions = range(TOPICS[topic].partitions)
    ends = [consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=10)[1] for p in partitions]
    consumer.close()
    return sum(ends)


def expected_readings(data):
    line = data.timeline
    expected = defaultdict(list)
    for lap in range(LAPS):
        for index, fields in enumerate(data.rows.tolist()):
            if fields[4] == Verdict.ACCEPTED:
                event = reading(data, fields, lap, lap * line.span, lap * line.rows + index)
                assert event.event_time == event_time(line, fields[0], lap)
                expected[event.device_id].append(event)
    return expected


def test_killed_again_and_again_the_log_has_every_reading_once_in_order_and_every_refused_row(log, data, tmp_path):
    file, prepared = data
    prepare(file, prepared.name, tmp_path)  # so that the runs differ in where they are killed, not in parsing
    chance, total = random.Random(20040228), LAPS * int((prepared.rows["verdict"] == Verdict.ACCEPTED).sum())
    deaths = 0
    while deaths < 6:
        goal = count(log, "iot_stream") + chance.randint(1, total // 8)
        # Fast, but not so fast that a run is over before it can be killed.
        process = producer(log, file, tmp_path, "--speed", "20000", "--laps", str(LAPS))
        while process.poll() is None and count(log, "iot_stream") < goal:
            time.sleep(chance.uniform(0, 0.02))
        process.kill()
        code, output = finish(process)
        assert code == -signal.SIGKILL, output
        deaths += 1
    code, output = finish(producer(log, file, tmp_path, "--speed", "max", "--laps", str(LAPS)))
    assert code == 0, output

    by_device = defaultdict(list)
    for partition, found in records(log, "iot_stream").items():
        for message, event in found:
            assert partition_of(message.key(), TOPICS["iot_stream"].partitions) == partition
            assert message.timestamp()[1] == event.event_time
            by_device[event.device_id].append(event)
    assert dict(by_device) == dict(expected_readings(prepared))

    refused = [letter(prepared, i) for i in range(len(prepared.rows)) if prepared.rows["verdict"][i]]
    letters = [event for found in records(log, "dead_letters").values() for _, event in found]
    assert len(refused) > 1000
    assert sorted(letters) == sorted(refused)

    # Once more: it sees that all is there.
    code, output = finish(producer(log, file, tmp_path, "--speed", "max", "--laps", str(LAPS)))
    assert (code, count(log, "iot_stream")) == (0, total), output


def test_what_a_reader_yields_comes_onto_the_log(log, tmp_path):
    (tmp_path / "reader.py").write_text(
        "from producers.readers import Measured, Unreadable\nNAME = 'roofs'\n"
        "def readings(path):\n"
        "    for n, line in enumerate(path.read_text().split()):\n"
        "        at = 1_423_072_260_000 + n * 60_000\n"
        "        yield Measured(f'roof/{n % 3}', at, float(line)) if line != '-' else Unreadable(line)\n"
    )
    (tmp_path / "data").write_text("1.5 2.5 - 4.5")
    more = ("--reader", str(tmp_path / "reader.py"), "--speed", "max", "--laps", "2")
    for _ in range(2):  # the second time all is there
        code, output = finish(producer(log, tmp_path / "data", tmp_path, *more))
        assert code == 0, output
    events = [event for found in records(log, "iot_stream").values() for _, event in found]
    seen = sorted((event.lap, event.device_id, event.temperature, event.dataset) for event in events)
    rows = [("roof/0", 1.5), ("roof/0", 4.5), ("roof/1", 2.5)]
    assert seen == [(lap, *row, "roofs") for lap in range(2) for row in rows]
    [letter] = [event for found in records(log, "dead_letters").values() for _, event in found]
    assert (letter.original, letter.origin_topic) == (b"-", "roofs")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_it_flushes_and_leaves_with_0(log, data, tmp_path, number):
    file, _ = data
    process = producer(log, file, tmp_path, "--speed", "600")
    while process.poll() is None and count(log, "iot_stream") < 20:
        time.sleep(0.1)
    process.send_signal(number)
    code, output = finish(process, timeout=15)
    assert code == 0, output
    assert "Traceback" not in output


def test_it_refuses_a_log_that_holds_another_replay(log, data, tmp_path):
    file, _ = data
    assert finish(producer(log, file, tmp_path, "--speed", "max", "--laps", "1"))[0] == 0
    before = count(log, "iot_stream")
    other = tmp_path / "other.txt"
    other.write_text("2004-03-04 00:01:00 2 2 20 40 100 2.6\n")
    same_name = tmp_path / "synthetic-seed11-cut.txt"
    same_name.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[1000:]))
    for wrong, says in [(other, "'intel_lab'"), (same_name, "another file of the same name")]:
        code, output = finish(producer(log, wrong, tmp_path, "--speed", "max", "--laps", "1"))
        assert (code, count(log, "iot_stream")) == (2, before), output
        assert says in output
        assert "make clean" in output


def test_poison_at_the_end_of_a_partition_does_not_confuse_it(log, data, tmp_path):
    file, prepared = data
    assert finish(producer(log, file, tmp_path, "--speed", "max", "--laps", "1"))[0] == 0
    poison = Producer({"bootstrap.servers": log.bootstrap})
    for partition in range(TOPICS["iot_stream"].partitions):
        for _ in range(40):
            poison.produce("iot_stream", b"not avro", b"mote-01", partition)
    assert poison.flush(10) == 0
    before = count(log, "iot_stream")
    code, output = finish(producer(log, file, tmp_path, "--speed", "max", "--laps", "2"))
    assert code == 0, output
    assert count(log, "iot_stream") - before == int((prepared.rows["verdict"] == Verdict.ACCEPTED).sum())


def test_other_clients_find_a_key_in_the_same_partition(log):
    places: dict[bytes, int] = {}
    other = Producer({"bootstrap.servers": log.bootstrap, "partitioner": "murmur2_random"})
    for mote in range(1, 55):
        other.produce(
            "dead_letters",
            b"",
            f"mote-{mote:02d}".encode(),
            on_delivery=lambda _, message: places.update({message.key(): message.partition()}),
        )
    assert other.flush(10) == 0
    assert places == {key: partition_of(key, TOPICS["dead_letters"].partitions) for key in places}
    assert len(places) == 54


def test_where_devices_are_is_on_the_log_once_until_they_move(log, data, tmp_path):
    file, _ = data

    def placed(*more):
        code, output = finish(producer(log, file, tmp_path, "--speed", "max", "--laps", "1", *more))
        assert code == 0, output
        return [event for found in records(log, "fleet_analytics").values() for _, event in found]

    where = {f"mote-{n:02d}": (round(x, 2), round(y, 2)) for n, (x, y) in enumerate(lab.positions(11).tolist(), 1)}
    first = placed()
    assert whereabouts(placings(first)) == where
    assert len(first) == len(where) == 54
    assert {(event.kind, event.dataset) for event in first} == {("placed", "synthetic-seed11")}
    assert sorted(placed()) == sorted(first), "a second start says nothing new"

    moved = where | {"mote-07": (1.5, 2.5)}
    del moved["mote-08"]
    (tmp_path / "moved.txt").write_text("".join(f"{name} {x} {y}\n" for name, (x, y) in moved.items()))
    then = placed("--positions", str(tmp_path / "moved.txt"))
    assert whereabouts(placings(then)) == moved
    assert len(then) == len(first) + 2
    assert whereabouts(placings(back := placed())) == where
    assert len(back) == len(then) + 2

    for partition, found in records(log, "fleet_analytics").items():
        for message, event in found:
            assert partition_of(message.key(), TOPICS["fleet_analytics"].partitions) == partition
            assert message.timestamp()[1] == event.end
            assert dict(message.headers())["kind"] == b"placed"
