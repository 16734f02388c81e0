import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from infra.watch.history import ANOMALIES, RATE_S, SCORED, History, Sample
from infra.watch.screen import screen
from schemas.events import Measurements, Prediction
from schemas.topics import TOPICS

HALF_HOUR = 1_800_000
MADE = 1_078_012_800_000
MODEL = {
    "version": "41",
    "window": "2004-02-28T23:30:00Z/2004-02-29T00:00:00Z",
    "strategy": "median",
    "contributors": "51",
    "watermark": "1",
}


def scored(n, error=0.5, idle=1.0, actual=20.0, anomaly=False, **other):
    made = MADE + n * HALF_HOUR
    return Prediction(
        *(f"local/mote-1/30/{made}", "local", "mote-1", 41, made, made + HALF_HOUR, HALF_HOUR),
        *(Measurements(20.0 + error), Measurements(20.0 - idle), Measurements(actual), Measurements(error)),
        *(1.25, anomaly, 0, n, "test"),
    )._replace(**other)


def sample(at, readings=0, predictions=(), **other):
    ends = dict.fromkeys(TOPICS, 0) | {"iot_stream": readings}
    return Sample(at, ends, {"iot_stream": MADE + 90_000}, {"sink-models": 12}, MODEL, predictions)._replace(**other)


def seen(*samples):
    history = History()
    for each in samples:
        history = history.after(each)
    return history


def printed(history):
    out = io.StringIO()
    Console(file=out, width=220).print(screen(history))
    return out.getvalue()


@given(st.lists(st.floats(0.1, 5.0), min_size=1, max_size=30), st.floats(0, 1e5))
def test_a_steady_rate_is_told_as_it_is_whenever_one_looks(pauses, rate):
    at, samples = 0.0, [sample(0.0)]
    for pause in pauses:
        at += pause
        samples.append(sample(at, readings=rate * at))
    history = seen(*samples)
    assert history.newest.at - history.samples[0].at <= RATE_S
    assert history.rates()["iot_stream"] == pytest.approx(rate)


def test_a_rate_follows_the_last_seconds_only():
    burst = [sample(0.0, 0), sample(1.0, 50_000)]
    assert seen(*burst).rates()["iot_stream"] == 50_000
    quiet = [sample(float(second), 50_000) for second in range(2, 15)]
    assert seen(*burst, *quiet).rates()["iot_stream"] == 0


def test_no_rate_is_told_of_one_look():
    assert seen(sample(0.0, 7)).rates() == {}


def test_errors_are_those_of_the_last_scored_forecasts_by_source_and_horizon():
    forecasts = [
        *(scored(n, error=9.0) for n in range(10)),  # forgotten by then
        *(scored(n, error=0.25 if n % 2 else 0.75, idle=1.5) for n in range(SCORED)),
        scored(0, source="stream", error=0.125),
        scored(1, source="stream", actual=None),
        scored(2, source="stream")._replace(actual=None),
        scored(3, source="stream", persistence=Measurements()),
    ]
    errors = seen(sample(0.0, predictions=forecasts[:200]), sample(1.0, predictions=forecasts[200:])).errors()
    assert errors == {("local", HALF_HOUR): (SCORED, 0.5, 1.5), ("stream", HALF_HOUR): (1, 0.125, 1.0)}


def test_the_last_anomalies_are_kept_when_samples_are_not():
    first = sample(0.0, predictions=[scored(n, anomaly=True) for n in range(ANOMALIES + 3)])
    history = seen(first, *(sample(float(second)) for second in range(20, 40)))
    assert [event.reading_offset for event in history.anomalies] == list(range(3, ANOMALIES + 3))


def test_the_screen_shows_what_there_is():
    forecasts = [scored(3, error=0.5, idle=2.0, anomaly=True, fault="drift")]
    shown = printed(seen(sample(0.0, 0), sample(2.0, 2_468, forecasts)))
    for words in ("1,234.0", "2,468", "sink-models", "0.25", "2004-02-29T00:01:30Z", "41", "median", "51", "drift"):
        assert words in shown, words
    assert "1 minutes of event time" in shown
    assert "watermark" not in shown


def test_the_screen_of_an_empty_log_says_so():
    shown = printed(seen(Sample(0.0, dict.fromkeys(TOPICS, 0), {}, {}, {}, ())))
    assert "no global model yet" in shown
