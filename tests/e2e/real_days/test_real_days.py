"""Four real days of the Intel Lab through the whole loop, at 1200 event-seconds a second."""

from collections import Counter, defaultdict
from itertools import pairwise
from typing import NamedTuple

import pytest

from tests.e2e.real_days.lab import DEVICES, READINGS, REJECTED, WINDOWS
from tests.e2e.system import System, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.long, pytest.mark.timeout(1800)]

LAST_DAY = 1_078_617_600_000
"""2004-03-07."""


def test_all_readings_and_rejections_are_on_the_log_once(real: System):
    eventually(lambda: real.status()["topics"]["iot_stream"]["events"] >= READINGS, 900, "four days of readings", 10)
    positions = [event.position for event in real.events("iot_stream")]
    assert len(positions) == len(set(positions)) == READINGS
    letters = Counter(event.error_message.split(":")[0] for event in real.events("dead_letters"))
    assert letters.total() == REJECTED


def test_every_window_of_the_four_days_has_its_model(real: System):
    eventually(lambda: real.version() >= WINDOWS, 600, f"{WINDOWS} versions", 5)
    models = list(real.events("global_models"))
    assert [model.version for model in models] == list(range(1, len(models) + 1))
    assert all(a.window_end == b.window_start for a, b in pairwise(models))
    contributors = [sum(c.outcome == "accepted" for c in model.contributions) for model in models]
    assert min(contributors) > DEVICES / 2
    assert all("intel_lab" in model.dataset for model in models)


class Forecasts(NamedTuple):
    """What the tests ask of all predictions, which take half a minute to go through."""

    versions: set[int]
    """Of the models that Spark has forecast with."""
    errors: dict[str, list[tuple[float, float]]]
    """By device: its own errors of temperature half an hour ahead on the last day, and persistence's (°C)."""


@pytest.fixture(scope="module")
def forecasts(real: System) -> Forecasts:
    found = Forecasts(set(), defaultdict(list))
    for event in real.events("predictions"):
        if event.source == "stream":
            found.versions.add(event.model_version)
        scored = event.source == "local" and event.actual is not None and event.made_at >= LAST_DAY
        if scored and event.horizon_ms == 1_800_000 and event.error and event.error.temperature is not None:
            persistence = abs(event.persistence.temperature - event.actual.temperature)
            found.errors[event.device_id].append((abs(event.error.temperature), persistence))
    return found


def test_devices_forecast_better_than_persistence_on_the_last_day(forecasts: Forecasts):
    """Half an hour ahead, all devices pooled; a sanity bound, not the quality bar (a benchmark has that)."""
    assert len(forecasts.errors) >= DEVICES - 4
    every = [pair for own in forecasts.errors.values() for pair in own]
    error, persistence = (sum(column) for column in zip(*every, strict=True))
    print(f"temperature, 30 min, 7 March: {error / persistence:.3f} of persistence, {len(every)} forecasts")
    assert error < persistence


def test_spark_followed_the_versions(forecasts: Forecasts):
    assert len(forecasts.versions) > 5


def test_the_views_have_everything(real: System):
    def mirrored() -> bool:
        status = real.status()
        return bool(
            status["mongo"]["sensor_readings"] == READINGS
            and status["mongo"]["global_model"] == status["topics"]["global_models"]["events"]
        )

    eventually(mirrored, 600, "all readings and models in MongoDB", 5)
    assert real.status()["mongo"]["local_models"] == DEVICES
    assert len(list((real.settings.models / "local").glob("*.safetensors"))) == DEVICES
