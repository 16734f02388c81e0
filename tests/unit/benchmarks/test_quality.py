"""What the quality table says is what plain numpy says."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks.quality import joining, predictors
from benchmarks.quality.__main__ import bin_of, main
from benchmarks.quality.errors import absolute, interval, ratio, table, within
from benchmarks.quality.grids import grid
from forecaster import bins
from forecaster.config import Config
from forecaster.lockstep import Grid
from producers.cleaning import Verdict
from producers.dataset import prepare
from producers.synthetic import write
from tests.unit.forecaster.series import START, TINY, random_walk, single

pytestmark = pytest.mark.computes


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """Two days of a synthetic fleet, as a raw file."""
    return write(tmp_path_factory.mktemp("quality"), seed=3, days=2)


def test_the_grid_holds_the_bins_that_a_device_closes_on_the_stream(raw, tmp_path):
    data = prepare(raw, "synthetic", tmp_path)
    found, config = grid(Config(), data), Config()
    rows = data.rows[data.rows["verdict"] == Verdict.ACCEPTED]
    for d, name in list(enumerate(found.names))[::13]:
        current, closed = None, []
        for row in rows[rows["mote"] == int(name.removeprefix("mote-"))]:
            values = [None if np.isnan(row[s]) else row[s] for s in ("temperature", "humidity", "light", "voltage")]
            current, done = bins.add(current, tuple(values), int(row["event_time"]), 0, config.bin_ms)
            closed += [done] if done else []
        assert [b.number for b in closed] == (np.flatnonzero(found.grid.present[:, d]) + found.grid.first).tolist()
        for b in closed:
            at = [part[b.number - found.grid.first, d] for part in found.grid.summary]
            np.testing.assert_array_equal(at, np.array(b.summary, np.float32))


def small():
    values = np.stack([random_walk(d, 40, missing=0.1) for d in range(3)], axis=1)
    return Grid(START, single(values), np.ones((40, 3), bool))


def test_errors_lie_at_the_bin_that_was_forecast():
    data = small()
    errors = absolute(TINY, data, predictors.persistence(TINY, data))
    for h, ahead in enumerate(TINY.horizons):
        expected = np.abs(data.values[20].astype(float) - data.values[20 - ahead])
        np.testing.assert_allclose(errors[20, :, h], expected, rtol=1e-6)
    assert np.isnan(errors[:1]).all()
    assert len(within(data, errors, START + 30)) == 10
    assert len(within(data, errors, START + 30, START + 33)) == 3


def test_a_table_names_the_mean_the_worst_device_and_who_wins():
    data = small()
    stays = absolute(TINY, data, predictors.persistence(TINY, data))
    half = stays / 2
    half[:, 1] = stays[:, 1] * 3
    cells = {
        (c.predictor, c.sensor, c.horizon_minutes): c
        for c in table(TINY, ("a", "b", "c"), {"persistence": [stays], "half": [half, stays]})
    }
    cell = cells["half", "humidity", 10]
    assert cell.mae == pytest.approx(np.nanmean(half[:, :, 1, 1]))
    assert cell.over_persistence == pytest.approx(np.nansum(half[:, :, 1, 1]) / np.nansum(stays[:, :, 1, 1]))
    assert cell.seeds == pytest.approx((np.nanmean(half[:, :, 1, 1]), np.nanmean(stays[:, :, 1, 1])))
    assert (cell.worst_device, cell.wins, cells["persistence", "humidity", 10].wins) == ("b", 2, 1)
    assert cell.labels == np.isfinite(half[:, :, 1, 1]).sum()


def test_an_interval_holds_the_ratio_and_shrinks_to_it_where_all_blocks_agree():
    random = np.random.default_rng(0)
    stays = random.exponential(1, (288, 5))
    noisy = stays * random.uniform(0.3, 0.9, (288, 1))
    low, high = interval(Config(), noisy, stays)
    assert low < ratio(noisy, stays) < high < low + 0.2
    assert interval(Config(), stays * 0.7, stays) == pytest.approx((0.7, 0.7))


def test_those_who_join_are_everybody_once_and_have_no_past():
    data = small()
    parts = joining.groups(data, seed=1)
    assert sorted(d for part in parts for d in part) == [0, 1, 2]
    later = joining.joining(data, [1], START + 10)
    assert np.isnan(later.values[:10, 1]).all()
    assert not later.present[:10, 1].any()
    assert later.present[10:].all()
    assert later.present[:, [0, 2]].all()


def test_the_pooled_linear_model_is_ridge_regression_on_everything_before():
    data = small()
    made = predictors.pooled(TINY, data)
    assert made.shape == (40, 3, 3, 4)
    assert np.isnan(made[np.isnan(data.values).any(axis=2)]).any()
    late = absolute(TINY, data, made)[-10:]
    # Of a random walk nothing can be foreseen: close to persistence, never far worse.
    stays = absolute(TINY, data, predictors.persistence(TINY, data))[-10:]
    assert 0.8 < ratio(late, stays) < 1.5


@pytest.mark.parametrize(
    ("moment", "ms"), [("2004-03-07", 1_078_617_600_000), ("2004-03-07T01:00+01:00", 1_078_617_600_000)]
)
def test_a_moment_is_utc_unless_it_says_otherwise(moment, ms):
    assert bin_of(Config(), moment) * Config().bin_ms == ms


def test_the_command_prints_a_row_for_every_predictor_sensor_and_horizon(raw):
    ran = CliRunner().invoke(
        main, ["--data", str(raw), "--score-from", "2004-02-29", "--format", "json", "--seeds", "1", "--no-joining"]
    )
    assert ran.exit_code == 0, ran.output
    rows = json.loads(ran.stdout)
    names = {"persistence", "climatology", "linear", "local_network", "federated_network", "combined"}
    assert names <= {row["predictor"] for row in rows}
    for name in names:
        cells = {(r["sensor"], r["horizon_minutes"]) for r in rows if r["predictor"] == name}
        assert cells == {(s, m) for s in ("temperature", "humidity", "light", "voltage") for m in (30, 60, 120)}
    assert all(row["mae"] >= 0 and row["over_persistence"] > 0 for row in rows)


def test_a_moment_after_the_file_is_refused(raw):
    ran = CliRunner().invoke(main, ["--data", str(raw), "--score-from", "2030-01-01"])
    assert ran.exit_code == 2
    assert "ends before 2030-01-01" in ran.stderr
