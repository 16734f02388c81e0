"""Ten of 54 devices lie: what the robust strategies keep the fleet's error within, and plain averaging does not.

The benchmark's own strategies, attacks and errors, on a made-up fleet with one course of the day. Most of its time is
XLA's, which compiles the fleet loop once for all cases.
"""

import numpy as np
import pytest

from benchmarks.aggregation.byzantine import ATTACKS, BOUND, BYZANTINE, Case, Server, errors
from forecaster.lockstep import Grid
from tests.unit.forecaster.series import DAILY, START, single

pytestmark = pytest.mark.computes
DEVICES, DAYS, BINS = 54, 5, 48
ROBUST = ("median", "trimmed_mean", "multi_krum")
LIES = sorted(ATTACKS.keys() - {"clean"})
FIRST = START * 300_000 // DAILY.bin_ms


def fleet():
    """Half-hour bins of devices that have the day in common, each with a place, a size and an hour of its own."""
    random = np.random.default_rng(0)
    moments = np.arange(DAYS * BINS)[:, None] / BINS + random.normal(0, 0.03, DEVICES)
    course = np.sin(2 * np.pi * moments) + 0.3 * np.sin(4 * np.pi * moments)
    course *= random.uniform(0.7, 1.3, DEVICES)
    places = np.array([20, 40, 300, 2.6]) + random.normal(0, [1, 2, 30, 0.02], (DEVICES, 4))
    values = places + course[:, :, None] * [4, -8, 250, 0.03]
    values += random.normal(0, [0.1, 0.3, 5, 0.002], values.shape)
    return Grid(FIRST, single(values), np.ones(values.shape[:2], bool))


@pytest.fixture(scope="module")
def found():
    """By strategy and attack, the honest devices' errors on the last day as shares of those of FedAvg without attack.

    Of the network's temperature forecasts, and of the combined ones.
    """
    data, server = fleet(), Server(DAILY, DEVICES)
    assert len(server.byzantine) == BYZANTINE == 10
    cases = [Case("fedavg", attack) for attack in ATTACKS]
    cases += [Case(strategy, attack) for strategy in ROBUST for attack in LIES]
    last_day = FIRST + (DAYS - 1) * BINS
    told = {case: errors(DAILY, data, server, case, last_day) for case in cases}
    clean = told[Case("fedavg", "clean")]
    assert 0 < clean["network"] < 0.5, "°C: a network that has learned nothing shows no harm"
    return {case: {name: error / clean[name] for name, error in row.items()} for case, row in told.items()}


@pytest.mark.parametrize("attack", LIES)
@pytest.mark.parametrize("strategy", ROBUST)
def test_a_robust_strategy_keeps_the_error_within_a_tenth_of_the_clean_runs(found, strategy, attack):
    assert max(found[strategy, attack].values()) <= BOUND


@pytest.mark.parametrize("attack", LIES)
def test_plain_averaging_visibly_does_not(found, attack):
    assert found["fedavg", attack]["network"] > BOUND
