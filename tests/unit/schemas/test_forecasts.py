import numpy as np

from schemas.events import Measurements
from schemas.forecasts import measurements, prediction_id


def test_measurements_are_plain_floats_and_what_is_no_number_is_missing():
    made = measurements(np.array([1.5, np.nan, np.inf, -2], np.float32))
    assert made == Measurements(1.5, None, None, -2.0)
    assert {type(value) for value in made} == {float, type(None)}


def test_a_forecast_is_named_by_where_when_and_how_far():
    assert prediction_id("local", "mote-07", 1_800_000, 17) == "local/mote-07/30/17"
    assert prediction_id("batch", "mote-07", 1_800_000, 17, 0) == "batch/mote-07/30/17/v0"
