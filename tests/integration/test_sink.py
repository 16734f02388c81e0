"""The sink as a process against a real log and a real document store: killed, replayed, told to stop, left alone."""

import random
import signal

import pytest
from safetensors.numpy import load_file

from mongo_sink.model_files import read_metadata
from schemas.topics import TOPICS
from tests.integration.sinks import finish, global_model, prediction, reading, until, update

pytestmark = pytest.mark.integration
READINGS = 20_000
DEVICES = 8


def test_killed_again_and_again_every_document_is_there_once_and_a_replay_gives_the_same(sink, writer):
    devices = [f"{sink.tag}-{number}" for number in range(DEVICES)]
    versions = range(int(sink.tag[1:], 16), int(sink.tag[1:], 16) + 3)
    writer.write(reading(devices[position % DEVICES], position) for position in range(READINGS // 2))
    mirrored = {topic for topics in sink.topics.values() for topic in topics}
    assert mirrored == TOPICS.keys() - {"window_plans", "window_parts"}
    bad = {topic: writer.write_bytes(topic, b"\0\xff\xff\xff\xffbad " + sink.tag.encode()) for topic in mirrored}
    writer.write(reading(devices[position % DEVICES], position) for position in range(READINGS // 2, READINGS))
    writer.write(update(device, sequence) for sequence in (1, 2, 3) for device in devices)
    writer.write(global_model(sink.tag, version) for version in [*versions, *versions])
    # Each form of a forecast twice, the second scored one with another score; every fifth is never scored.
    for scored, score in [(False, 0.0), (True, 1.0), (False, 0.0), (True, 2.0)]:
        writer.write(
            prediction(device, number, scored=scored, score=score)
            for number in range(100)
            for device in devices
            if not scored or number % 5
        )
    mine, readings = {"device_id": {"$in": devices}}, sink.database.sensor_readings

    chance = random.Random(20040229)
    for goal in sorted(chance.sample(range(1, sink.behind("iot_stream")), 3)):
        process = sink.start()
        until(lambda goal=goal: readings.estimated_document_count() >= goal or sink.behind() == 0, process)
        process.kill()
        code, output = finish(process)
        assert code == -signal.SIGKILL, output
    output = sink.catch_up()

    found = list(readings.find(mine))
    assert sorted(each["position"] for each in found) == list(range(READINGS))
    assert all(each["_id"] == "{topic}#{partition}#{offset}".format(**each["_log"]) for each in found)
    states = list(sink.database.local_models.find(mine))
    assert sorted((each["_id"], each["sequence"]) for each in states) == [(device, 3) for device in devices]
    assert sorted(each["_id"] for each in sink.database.global_model.find({"model": sink.tag})) == list(versions)
    forecasts = list(sink.database.predictions.find(mine))
    assert len(forecasts) == 100 * DEVICES
    assert {each["anomaly_score"] for each in forecasts} == {None, 1.0}
    assert sum(each["actual"] is None for each in forecasts) == 20 * DEVICES
    for topic, (partition, offset) in bad.items():
        letters = list(sink.database.dead_letters.find({"origin_topic": topic, "origin_offset": offset}))
        letters = [each for each in letters if each["origin_partition"] == partition]
        if topic == "dead_letters":
            assert letters == []
            continue
        assert [each["_id"] for each in letters] == [f"mongo_sink/{topic}/{partition}/{offset}"]
        assert letters[0]["original"].endswith(sink.tag.encode())
        assert letters[0]["error_class"] == "UnknownSchemaError"
    for device in devices:
        path = sink.models / f"local/{device}.safetensors"
        assert read_metadata(path)["sequence"] == "3"
        assert load_file(path)["kernel"].max() == 3
    assert all((sink.models / f"global/v{version:06d}.safetensors").exists() for version in versions)

    live = sink.digests()
    code, output = finish(sink.start("replay"))
    assert code == 0, output
    assert output.splitlines()[-len(live) :] == live
    assert sink.behind() == 0  # nor has it written letters again

    (sink.models / f"local/{devices[0]}.safetensors").unlink()
    code, output = finish(sink.start("replay", "--view", "models"))
    assert code == 0, output
    assert sink.digests() == live


def test_an_older_update_after_a_newer_one_replaces_nothing(sink, writer):
    device = f"{sink.tag}-late"
    for sequence in (5, 4):
        writer.write([update(device, sequence)])
        sink.catch_up()
        assert sink.database.local_models.find_one({"_id": device})["sequence"] == 5
        assert read_metadata(sink.models / f"local/{device}.safetensors")["sequence"] == "5"


def test_a_replay_refuses_to_work_beside_a_running_sink(sink):
    process = sink.start()
    until(sink.runs, process)
    code, output = finish(sink.start("replay"))
    assert code == 1
    assert "stop the sink first" in output
    process.terminate()
    assert finish(process)[0] == 0


def test_told_to_stop_while_mongodb_is_away_it_commits_nothing(sink, writer):
    writer.write([reading(f"{sink.tag}-waits", 0)])
    process = sink.start(mongo="mongodb://127.0.0.1:9")
    lines = []
    while "waiting for MongoDB" not in "".join(lines):
        lines.append(process.stdout.readline())
        assert lines[-1], lines
    process.terminate()
    code, output = finish(process, 30)
    assert code == 0, output
    assert "the batch is not committed and will be read again" in output
    sink.catch_up()
    assert sink.database.sensor_readings.find_one({"device_id": f"{sink.tag}-waits"})["position"] == 0
