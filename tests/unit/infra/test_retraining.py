import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecaster.config import CHOSEN, Config, configured
from infra.retraining.names import DERIVED, RetrainingError, all_of, prefixed, spec_of
from infra.retraining.pace import BEHIND_MS, QUIET_S, STALLED_S, Progress
from infra.retraining.scores import Scores, added, beside
from schemas.events import SENSORS
from schemas.topics import TOPICS

NOON = datetime(2004, 3, 4, 12, tzinfo=UTC)


def test_topics_carry_the_prefix_and_the_originals_none():
    assert all_of("robust") == {topic: f"robust.{topic}" for topic in DERIVED}
    assert prefixed("", "predictions") == "predictions"


@pytest.mark.parametrize("prefix", ["a b", ".", "-a", "ä", "a/b", "x" * 62, "a.b"])
def test_what_is_no_prefix_is_refused(prefix):
    with pytest.raises(RetrainingError, match="is no prefix"):
        prefixed(prefix, "predictions")


def test_a_learner_is_as_ever_but_for_what_is_said():
    assert configured("") == Config()
    assert configured(" width=32, learning_rate=0.003 ,") == Config()._replace(width=32, learning_rate=0.003)
    assert all(configured(f"{name}=1") == Config()._replace(**{name: 1}) for name in CHOSEN)


@pytest.mark.parametrize(
    "text",
    ["bin_ms=1", "horizons=3", "width", "width=", "width=1.5", "width=-1", "width=0", "x=1", "skip=nan", "blend=inf"],
)
def test_what_is_no_learner_is_refused(text):
    with pytest.raises(ValueError, match=r"learner has no|invalid literal|could not convert|too small|not finite"):
        configured(text)


def test_training_has_done_its_work_when_all_is_read_and_nothing_comes_any_more():
    begun = Progress(last=10 * BEHIND_MS, watermark=0, heard=0.0)
    assert not begun.done(QUIET_S)
    assert begun.stalled(STALLED_S)
    read = begun.after([3, 9 * BEHIND_MS, 5], now=100.0)
    assert not read.done(100.0 + QUIET_S / 2)
    assert read.done(100.0 + QUIET_S)
    assert not read.stalled(1000.0)
    assert read.after([], now=110.0) == read._replace(heard=110.0)


value = st.none() | st.floats(-50, 50)
measurements = st.fixed_dictionaries(dict.fromkeys(SENSORS, value))
forecasts = st.fixed_dictionaries(
    {
        "source": st.sampled_from(["local", "local", "stream"]),
        "device_id": st.sampled_from(["a", "b", "c"]),
        "horizon_ms": st.sampled_from([1_800_000, 3_600_000]),
        "made_at": st.integers(0, 3).map(lambda bins: NOON + timedelta(minutes=5 * bins)),
        "forecast": measurements,
        "persistence": measurements,
        "actual": st.none() | measurements,
    }
)


def plainly(rows):
    """By what a forecast is of, the first that is scored."""
    found = {}
    for row in rows:
        if row["source"] == "local" and row["actual"]:
            found.setdefault((row["device_id"], row["horizon_ms"], row["made_at"]), row)
    return found


@settings(max_examples=150, deadline=None)
@given(st.lists(forecasts, max_size=40), st.lists(forecasts, max_size=40))
def test_errors_are_those_of_the_targets_that_both_have(one, other):
    devices = {}
    found = beside(added(Scores(devices), one), added(Scores(devices), other), devices)
    a, b = plainly(one), plainly(other)
    expected = []
    for horizon in (1_800_000, 3_600_000):
        for sensor in SENSORS:
            errors = {}
            for key in a.keys() & b.keys():
                off = [
                    math.nan
                    if None in (row[of][sensor], row["actual"][sensor])
                    else row[of][sensor] - row["actual"][sensor]
                    for row, of in ((a[key], "forecast"), (b[key], "forecast"), (a[key], "persistence"))
                ]
                if key[1] == horizon and not any(map(math.isnan, off)):
                    errors[key] = np.abs(off)
            if errors:
                expected.append((sensor, horizon // 60_000, errors))
    assert [(row.sensor, row.horizon, row.targets) for row in found] == [(s, h, len(e)) for s, h, e in expected]
    for row, (_, _, errors) in zip(found, expected, strict=True):
        assert (row.a, row.b, row.persistence) == pytest.approx(np.mean(list(errors.values()), axis=0))
        for side, (name, worst) in enumerate((row.worst_a, row.worst_b)):
            own = {
                d: np.mean([e[side] for key, e in errors.items() if key[0] == d]) for d in {key[0] for key in errors}
            }
            assert worst == pytest.approx(max(own.values()))
            assert own[name] == pytest.approx(worst)


@pytest.mark.parametrize("name", ["iot_stream", "predictions"])
def test_a_topic_is_known_by_its_name(name):
    assert spec_of(name) is TOPICS[name]


def test_a_retrainings_topic_is_known_by_its_prefix():
    assert {topic: spec_of(name) for topic, name in all_of("robust").items()} == {t: TOPICS[t] for t in DERIVED}
    for other in ("robust.iot_stream", ".predictions", "a.b.predictions", "../predictions", "robust.", "letters"):
        assert spec_of(other) is None
