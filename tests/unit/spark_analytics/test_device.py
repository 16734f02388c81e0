"""The evaluators' step: what it says of a device, whatever the batches and models."""

import numpy as np
import pytest

from forecaster.forecast_table import Forecasts
from spark_analytics.choice import Choice, Choose, Pin
from spark_analytics.device import Device, from_bytes, latest, step, to_bytes
from tests.unit.spark_analytics.series import CONFIG, DEVICE, START, numbers, part, readings

BINS = 80
HALF = START + 200 * 60_000


def swapped(device_id: str, ends: np.ndarray) -> Choice:
    """Version 1, from some moment on version 2."""
    assert device_id == DEVICE
    return Choice(np.where(ends < HALF, 1, 2), np.zeros(len(ends), np.int32))


def run(cut: int, choose: Choose = swapped, through_bytes: bool = False) -> Forecasts:
    taken, device, tables = readings(BINS), Device(), []
    for begin in range(0, len(taken.offsets), cut):
        device, table, refused = step(CONFIG, device, DEVICE, part(taken, begin, begin + cut), choose, numbers)
        assert not refused
        if through_bytes:
            device = from_bytes(to_bytes(device))
        tables.append(table)
    table = np.concatenate(tables)
    return table[np.lexsort((table["scored"], table["horizon_ms"], table["made_at"]))]


def test_every_forecast_is_that_of_the_version_it_names():
    both, by_version = run(10_000), {v: run(10_000, Pin(v, v, 0, 0).choose) for v in (1, 2)}
    assert set(both["model_version"]) == {1, 2}
    for version, alone in by_version.items():
        rows = both[both["model_version"] == version]
        place = {(row["made_at"], row["horizon_ms"], row["scored"]): row for row in alone}
        for row in rows:
            wanted = place[row["made_at"], row["horizon_ms"], row["scored"]]
            np.testing.assert_allclose(row["forecast"], wanted["forecast"], atol=1e-5)
    assert not np.allclose(by_version[1]["forecast"], by_version[2]["forecast"], equal_nan=True)


@pytest.mark.parametrize("cut", [1, 3, 50])
def test_however_the_readings_are_cut_and_kept_the_forecasts_are_the_same(cut: int):
    whole, parts = run(10_000), run(cut, through_bytes=True)
    assert len(whole) == len(parts) > 200
    for name in whole.dtype.names:
        np.testing.assert_allclose(whole[name], parts[name], atol=1e-6)


def test_the_scored_form_repeats_what_was_made():
    table = run(7)
    made = {(r["made_at"], r["horizon_ms"]): r for r in table if not r["scored"]}
    scored = [r for r in table if r["scored"]]
    assert len(scored) > 100
    for row in scored:
        first = made[row["made_at"], row["horizon_ms"]]
        np.testing.assert_array_equal(row["forecast"], first["forecast"])
        assert (row["model_version"], row["stale"]) == (first["model_version"], first["stale"])
        np.testing.assert_array_equal(row["error"], row["forecast"] - row["actual"])


def test_without_a_model_persistence_says_so():
    table = run(10_000, Pin(0, 0, 0, 3_600_000).choose)
    assert set(table["model_version"]) == {0}
    assert set(table["stale"]) == {-1}
    np.testing.assert_array_equal(table["forecast"], table["persistence"])


def test_what_cannot_be_placed_in_time_leaves_the_state_as_it_was():
    taken = readings(5)
    device, _, _ = step(CONFIG, Device(), DEVICE, taken, Pin(1, 1, 0, 0).choose, numbers)
    late = part(taken, 0, 2)
    after, table, refused = step(CONFIG, device, DEVICE, late, Pin(1, 1, 0, 0).choose, numbers)
    assert set(refused) == {0, 1}
    assert len(table) == 0
    assert to_bytes(after) == to_bytes(device)


def test_the_state_of_a_device_does_not_grow_with_what_has_gone_by():
    taken, device, sizes, bins = readings(10_200), Device(), [], []
    for begin in range(0, len(taken.offsets), 200):
        device, _, refused = step(
            CONFIG, device, DEVICE, part(taken, begin, begin + 200), Pin(1, 1, 0, 60_000).choose, numbers
        )
        assert not refused
        assert device.open_bin is not None
        sizes.append(len(to_bytes(device)))
        bins.append(device.open_bin.number)
    assert bins[-1] - bins[0] > 10_000
    # Numbers of more digits, such as offsets, take a few bytes more.
    assert max(sizes) - sizes[0] < 32


def test_of_each_forecast_the_latest_form_is_kept_once_also_of_none():
    table = run(10_000)
    kept = latest(table)
    places = {(row["made_at"], row["horizon_ms"]): bool(row["scored"]) for row in table}  # in order: scored ones last
    assert {(row["made_at"], row["horizon_ms"]): bool(row["scored"]) for row in kept} == places
    assert set(places.values()) == {False, True}
    assert len(kept) == len(places)
    assert len(latest(table[:0])) == 0
