"""Stream, batch and the core by itself say the same of the same readings with the same version, in every field."""

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from forecaster.binning import Columns
from schemas.events import Prediction
from schemas.forecasts import predictions
from spark_analytics.choice import Pin
from spark_analytics.device import Device, from_bytes, latest, step, to_bytes
from spark_analytics.packing import events, packed
from tests.unit.spark_analytics.rough import ULPS, alike, core, rough
from tests.unit.spark_analytics.series import CONFIG, DEVICE, MODELS, numbers, part

WHOLE = 4096
"""Bins that one call takes in the batch."""
CHOOSE = Pin(2, 2, 0, 0).choose
Forms = dict[tuple[str, bool], Prediction]


def forms(made: Any) -> Forms:
    return {(event.prediction_id, event.actual is not None): event for event in made}


def streamed(columns: Columns, cuts: list[int]) -> Forms:
    """Through micro-batches: as rows of Spark's, the state as bytes between."""
    device, made = Device(), []
    for begin, end in zip([0, *cuts], [*cuts, len(columns.offsets)], strict=True):
        device, table, _ = step(CONFIG, device, DEVICE, part(columns, begin, end), CHOOSE, numbers)
        device = from_bytes(to_bytes(device))
        codec: Any = None  # of letters, and there are none
        made += events(codec, packed(codec, DEVICE, "rough", 1, table, ()), "stream")
    assert len(forms(made)) == len(made)
    return forms(made)


def batched(columns: Columns) -> Forms:
    """All at once, each forecast once, as the stream names it."""
    _, table, _ = step(CONFIG, Device(), DEVICE, columns, CHOOSE, numbers, WHOLE)
    return forms(predictions(latest(table), "stream", DEVICE, 1, "rough"))


@settings(max_examples=20)
@given(
    st.integers(0, 2**32),
    st.floats(1, 40),
    st.sets(st.integers(0, 3), max_size=2),
    st.lists(st.floats(0, 1), max_size=12),
)
@example(1, 60.0, {2, 3}, [0.1, 0.1, 0.5])
@example(1, 108.0, set(), [k / 200 for k in range(200)])
def test_stream_batch_and_core_say_the_same(seed: int, hours: float, lacking: set[int], cuts: list[float]):
    given_ = rough(DEVICE, seed, hours, sorted(lacking))
    values = np.array([[np.nan if v is None else v for v in r[3:7]] for r in given_])
    columns = Columns(np.array([r.event_time for r in given_]), values, np.arange(len(given_)))
    stream, batch = streamed(columns, sorted(int(c * len(given_)) for c in cuts)), batched(columns)
    wanted = forms(core(MODELS[2], 2, "stream", ((1, n, r) for n, r in enumerate(given_))))
    assert stream.keys() == wanted.keys()
    for form, event in wanted.items():
        alike(stream[form], event, ulps=ULPS)
    assert {name for name, _ in batch} == {name for name, _ in wanted}
    for (name, scored), event in batch.items():
        assert scored == ((name, True) in wanted)
        alike(event, wanted[name, scored], ulps=ULPS)
        alike(event, stream[name, scored])


def test_rough_readings_are_rough():
    made = rough(DEVICE, 1, 60.0, (2, 3))
    times = np.array([r.event_time for r in made])
    assert len(set(made)) < len(made), "duplicates"
    assert (np.diff(times) < -CONFIG.bin_ms).any(), "disorder"
    assert np.diff(times).max() > 2 * 3_600_000, "silences"
    assert any(r.temperature is None and r.humidity is not None for r in made)
    assert all(r.light is None and r.voltage is None for r in made)
    made = rough(DEVICE, 1, 108.0)
    told = core(MODELS[2], 2, "stream", ((1, n, r) for n, r in enumerate(made)))
    assert {event.fault for event in told} == {None, "temperature stuck"}
    assert max(r.light for r in made if r.light is not None) > 1000


@pytest.mark.parametrize(
    ("field", "change"),
    [("forecast", 2e-5), ("persistence", 2e-5), ("error", 2e-5), ("anomaly_score", 2e-5)],
)
def test_what_differs_is_not_alike(field: str, change: float):
    told = core(MODELS[2], 2, "stream", ((1, n, r) for n, r in enumerate(rough(DEVICE, 1, 108.0))))
    event = next(e for e in told if e.anomaly_score is not None and e.error.temperature is not None)
    value = getattr(event, field)
    other = value + change if field == "anomaly_score" else value._replace(temperature=value.temperature + change)
    alike(event, event)
    with pytest.raises(AssertionError):
        alike(event, event._replace(**{field: other}), ulps=ULPS)
    with pytest.raises(AssertionError):
        alike(event, event._replace(fault="temperature spike" if event.fault is None else None))
