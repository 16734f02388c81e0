"""What had happened at a moment of the past."""

from types import SimpleNamespace

import pytest

from mongo_sink.as_of import Moment, UnknownMomentError, resolve
from mongo_sink.replay import _held
from tests.unit.mongo_sink.sink_events import NOON


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
    moment = Moment(NOON, 7, {})
    assert _held(moment, message("global_models", [("version", b"7")], timestamp=NOON + 1))
    assert not _held(moment, message("global_models", [("version", b"8")], timestamp=NOON - 1))
    assert not _held(moment, message("predictions", [("version", b"7")], timestamp=NOON + 1))  # which is no model
