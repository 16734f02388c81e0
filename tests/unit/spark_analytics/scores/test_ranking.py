"""Which devices are worst, which typical, and in which order runs come."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from spark_analytics.scores.ordering import in_order, place
from spark_analytics.scores.ranking import relative, typical
from tests.unit.spark_analytics.scores.scored import errors, labels


def of(run: str, found: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    own = found[found["run"] == run]
    return errors(own, "device_id"), errors(own)


def test_relative_errors_are_brute_force():
    found = labels()
    ranked = relative(*of("stream", found)).set_index("device_id")
    own = found[(found["run"] == "stream") & found["sensor"].isin(["temperature", "humidity"])]
    assert list(ranked.index) == ["mote-2", "mote-3", "mote-1", "mote-0"]
    for device, row in ranked.iterrows():
        parts = [
            (part[part["device_id"] == device], part["stays"].mean())
            for _, part in own.groupby(["sensor", "horizon_ms"])
        ]
        assert np.isclose(row["error"], np.mean([part["off"].mean() / scale for part, scale in parts]))
        assert np.isclose(row["persistence"], np.mean([part["stays"].mean() / scale for part, scale in parts]))
        assert row["labels"] == 48


def test_who_has_few_labels_or_lacks_a_sensor_is_not_ranked():
    found = labels()
    lacking = found[~((found["device_id"] == "mote-1") & (found["sensor"] == "humidity"))]
    assert set(relative(*of("local", lacking))["device_id"]) == {"mote-0", "mote-2", "mote-3"}


def test_worst_median_and_best():
    assert typical(relative(*of("local", labels(devices=6)))) == ["mote-2", "mote-3", "mote-0"]
    assert typical(pd.DataFrame({"device_id": ["a"]})) == ["a"]


@given(st.lists(st.integers(1, 2000), unique=True))
def test_runs_come_local_stream_batch_by_version(versions: list[int]):
    runs = [f"batch/v{version}" for version in versions] + ["stream", "else", "local"]
    assert sorted(runs, key=place) == ["local", "stream", *(f"batch/v{v}" for v in sorted(versions)), "else"]


def test_rows_are_ordered_by_run_and_sensor_not_by_alphabet():
    frame = pd.DataFrame(
        [("batch/v10", "humidity"), ("batch/v9", "voltage"), ("local", "humidity"), ("local", "temperature")],
        columns=["run", "sensor"],
    )
    assert in_order(frame, "run", "sensor").to_numpy().tolist() == [
        *(["local", "temperature"], ["local", "humidity"], ["batch/v9", "voltage"], ["batch/v10", "humidity"])
    ]
