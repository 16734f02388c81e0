"""What had happened at a moment of the past."""

from types import SimpleNamespace

import pytest

from mongo_sink.as_of import Moment, UnknownMomentError, moment, resolve
from mongo_sink.replay import _held
from tests.unit.mongo_sink.sink_events import HALF_HOUR, NOON, global_model


@pytest.mark.parametrize("topic", ["model_commands", "window_plans", "window_parts"])
def test_a_record_that_a_clock_has_stamped_is_no_moment(topic):
    with pytest.raises(UnknownMomentError, match=rf"^{topic}/0/3 is no moment of event time, .*: name the version"):
        resolve(f"{topic}/0/3", "127.0.0.1:9", "http://127.0.0.1:9")


def message(topic, headers, timestamp=NOON, offset=5):
    return SimpleNamespace(
        topic=lambda: topic,
        partition=lambda: 0,
        offset=lambda: offset,
        headers=lambda: headers,
        timestamp=lambda: (1, timestamp),
    )


@pytest.mark.parametrize("headers", [[("version", b"seven")], [("version", b"")], [("version", None)], [], None])
def test_a_model_that_says_no_version_counts_by_its_timestamp(headers):
    assert _held(Moment(NOON, 7, {}), message("global_models", headers))
    assert not _held(Moment(NOON - 1, 7, {}), message("global_models", headers))


def test_a_models_version_goes_before_its_timestamp():
    then = Moment(NOON, 7, {})
    assert _held(then, message("global_models", [("version", b"7")], timestamp=NOON + 1))
    assert not _held(then, message("global_models", [("version", b"8")], timestamp=NOON - 1))
    assert not _held(then, message("predictions", [("version", b"7")], timestamp=NOON + 1))  # which is no model


def model(version, **command_offsets):
    offsets = {partition.removeprefix("p"): offset for partition, offset in command_offsets.items()}
    return global_model(version)._replace(window_end=NOON + version * HALF_HOUR, command_offsets=offsets)


MODELS = [model(2, p0=3), model(1), model(3, p0=5, p2=1)]
MIDST = NOON + 2 * HALF_HOUR + 1


def commands(moment):
    """Of each partition, how many of its first ten commands count."""
    held = [[moment.holds("model_commands", each, at, 10**15, None) for at in range(10)] for each in range(4)]
    assert all(own == sorted(own, reverse=True) for own in held)
    return [sum(own) for own in held]


def test_those_commands_count_that_the_newest_version_then_knew_of_whatever_their_clock_says():
    assert commands(moment(MODELS, NOON, 3, {})) == [5, 0, 1, 0]
    assert commands(moment(MODELS, NOON, 2, {})) == [3, 0, 0, 0]
    assert commands(moment(MODELS, NOON, 1, {})) == [0, 0, 0, 0]
    assert commands(moment(MODELS, MIDST, None, {})) == [3, 0, 0, 0]


def test_before_the_first_version_no_command_counts():
    assert moment(MODELS, NOON, None, {})[:2] == (NOON, 0)
    assert commands(moment(MODELS, NOON, None, {})) == [0, 0, 0, 0]
    assert commands(moment([], NOON, None, {})) == [0, 0, 0, 0]


def test_the_newest_version_of_a_moment_is_the_last_whose_window_is_over():
    assert moment(MODELS, MIDST, None, {}).version == 2
    assert moment(MODELS, NOON + 2 * HALF_HOUR, None, {}).version == 2
    assert moment(MODELS, NOON + 2 * HALF_HOUR - 1, None, {}).version == 1


def test_of_a_records_partition_nothing_behind_it_counts():
    then = moment(MODELS, MIDST, None, {("iot_stream", 1): 8})
    assert [then.holds("iot_stream", 1, offset, MIDST, None) for offset in (6, 7, 8)] == [True, True, False]
    assert then.holds("iot_stream", 0, 8, MIDST, None)
    assert not then.holds("iot_stream", 1, 7, MIDST + 1, None)
    assert commands(then) == [3, 0, 0, 0]
