import hashlib

import numpy as np

from producers import synthetic
from producers.cleaning import Verdict
from producers.dataset import prepare
from producers.lab import positions


def test_the_same_seed_gives_the_same_bytes():
    one = synthetic.generate(7, 1)
    assert synthetic.generate(7, 1) == one
    assert synthetic.generate(8, 1) != one
    # When this changes, VERSION has to: caches and running replays hold the old bytes.
    assert synthetic.VERSION == 1
    assert hashlib.sha256(one).hexdigest() == "11d3e0c0e19e93f488a87bd437955ffeda5ff31a19c9c342e750edd4afb18988"


def test_it_has_the_defects_of_the_real_thing(tmp_path):
    data = prepare(synthetic.write(tmp_path, 1, 3), synthetic.name(1), tmp_path)
    rows = data.rows
    share = {Verdict(v): n / len(rows) for v, n in zip(*np.unique(rows["verdict"], return_counts=True), strict=True)}
    assert share[Verdict.ACCEPTED] > 0.9
    assert {Verdict.MALFORMED_ROW, Verdict.UNKNOWN_MOTE, Verdict.LOW_BATTERY, Verdict.DUPLICATE_EPOCH} <= set(share)
    assert np.isclose(rows["temperature"][rows["verdict"] == Verdict.LOW_BATTERY], 122.153).any()
    assert (np.diff(rows["row"]) < 0).any()
    assert data.timeline.span == 3 * 86_400_000
    good = rows[rows["verdict"] == Verdict.ACCEPTED]
    assert 0.0005 < np.isnan(good["light"]).mean() < 0.02
    assert set(np.unique(good["mote"])) == set(range(1, 55))
    assert 0.4 < len(rows) / (54 * 3 * 86_400 / 31) < 0.8


def test_it_behaves_like_a_lab(tmp_path):
    rows = prepare(synthetic.write(tmp_path, 1, 3), synthetic.name(1), tmp_path).rows
    rows = rows[rows["verdict"] == Verdict.ACCEPTED]
    hour = rows["event_time"] % 86_400_000 / 3_600_000
    noon, night = rows[(hour > 12) & (hour < 16)], rows[hour < 4]
    assert np.nanmean(noon["temperature"]) > np.nanmean(night["temperature"]) + 2
    assert np.nanmean(noon["light"]) > 10 * np.nanmean(night["light"])
    both = ~np.isnan(rows["temperature"]) & ~np.isnan(rows["humidity"])
    assert np.corrcoef(rows["temperature"][both], rows["humidity"][both])[0, 1] < -0.4


def test_neighbours_share_their_warmth(tmp_path):
    rows = prepare(synthetic.write(tmp_path, 1, 3), synthetic.name(1), tmp_path).rows
    rows = rows[rows["verdict"] == Verdict.ACCEPTED]
    bins = (rows["event_time"] - rows["event_time"][0]) // 1_800_000
    table = np.full((54, int(bins.max()) + 1), np.nan)
    table[rows["mote"] - 1, bins] = rows["temperature"]
    anomaly = np.ma.masked_invalid(table - np.nanmedian(table, axis=0))
    related = np.ma.corrcoef(anomaly).filled(0)
    where = positions(1)
    distance = np.linalg.norm(where[:, None] - where, axis=-1)
    near, far = (distance > 0) & (distance < 5), distance > 20
    assert related[near].mean() > related[far].mean() + 0.2


def test_names():
    assert synthetic.seed_of(synthetic.name(12)) == 12
    assert synthetic.seed_of("intel_lab") is None
