import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from schemas.events import Measurements
from schemas.forecasts import measurements, prediction_id, score
from tests.unit.schemas.samples import FULL

MADE = FULL[3]._replace(actual=None, error=None, anomaly_score=None, anomaly=None)


def test_measurements_are_plain_floats_and_what_is_no_number_is_missing():
    made = measurements(np.array([1.5, np.nan, np.inf, -2], np.float32))
    assert made == Measurements(1.5, None, None, -2.0)
    assert {type(value) for value in made} == {float, type(None)}


def test_a_forecast_is_named_by_where_when_and_how_far():
    assert prediction_id("local", "mote-07", 1_800_000, 17) == "local/mote-07/30/17"
    assert prediction_id("batch", "mote-07", 1_800_000, 17, 0) == "batch/mote-07/30/17/v0"


values = st.none() | st.floats(-1e6, 1e6)


@given(st.builds(Measurements, *[values] * 4), st.builds(Measurements, *[values] * 4))
def test_the_error_is_forecast_minus_actual_where_both_are(forecast, actual):
    made = MADE._replace(forecast=forecast)
    scored = score(made, actual, 99)
    for f, a, error in zip(forecast, actual, scored.error, strict=True):
        assert error == (None if None in (f, a) else f - a)
    changed = {"actual", "error", "reading_offset"}
    assert all(getattr(scored, name) == getattr(made, name) for name in made._fields if name not in changed)
    assert (scored.actual, scored.reading_offset) == (actual, 99)
