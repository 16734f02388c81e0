"""The fleet loop gives what the stages give one after the other: the device step and the window fold."""

from itertools import chain

import jax
import numpy as np
import pytest

from aggregator_stream.fold.restore import beginning
from aggregator_stream.fold.state import Located, Mark, Rules
from aggregator_stream.fold.windows import step as window_step
from flink_training.device import Device, FleetModel, Readings
from flink_training.device import step as device_step
from forecaster import knowledge, lockstep
from forecaster.binning import Columns
from forecaster.lockstep import Grid, Rounds
from forecaster.strategies import fedavg
from tests.unit.forecaster.series import START, TINY, random_walk, single

CONFIG = TINY._replace(adoption_delay_ms=1_200_000)
BINS, DEVICES = 60, 3
RULES = Rules(CONFIG, fedavg(), partitions=1, evaluated=True, margin=0.01, min_labels=20)
ROUNDS = Rounds(margin=RULES.margin, min_labels=RULES.min_labels)


def grid(seed=0):
    """Three devices: one there always, one with holes, one that joins after two hours and a half."""
    random = np.random.default_rng(seed)
    values = np.stack([random_walk(seed + d, BINS, missing=0.05) for d in range(DEVICES)], axis=1)
    present = np.ones((BINS, DEVICES), bool)
    present[:, 1] = random.random(BINS) > 0.2
    present[:30, 2] = False
    return Grid(START, single(np.where(present[:, :, None], values, np.nan)), present)


def one_after_the_other(data):
    """Forecasts by (bin, device), and the events of the global model, of the real stages fed bin by bin."""
    devices = [Device() for _ in range(DEVICES)]
    state, models, offset, forecasts, events = beginning(RULES), {}, 0, {}, []
    for t in range(BINS):
        at = (START + t) * CONFIG.bin_ms
        # A record says up to when everything is on the log, and updates that this bin's readings bring come behind it.
        records = [Mark(0, offset, at - 1)]
        for d in range(DEVICES):
            if not data.present[t, d]:
                continue
            table = Columns(np.array([at]), data.values[t : t + 1, d].astype(float), np.array([t]))
            devices[d], outcome = device_step(CONFIG, devices[d], Readings(f"mote-{d:02}", "test", 0, table), models)
            records += [Located(update, 0, offset, at - 1) for update in outcome.updates]
            for row in chain.from_iterable(outcome.forecasts):
                if not row["scored"]:
                    forecasts[int(row["made_at"]) // CONFIG.bin_ms - 1 - START, d, int(row["horizon_ms"])] = row
        for record in records:
            state, closed = window_step(RULES, state, record._replace(offset=offset))
            offset += 1
            events += closed
            models |= {model.version: FleetModel.of(CONFIG, model) for model in closed}
    return forecasts, events


@pytest.mark.parametrize("seed", range(2))
def test_the_loop_is_the_stages_one_after_the_other(seed):
    data = grid(seed)
    fleet, outputs = lockstep.run(CONFIG, ROUNDS, data)
    forecasts, events = one_after_the_other(data)
    found = np.array(outputs.forecasts.combined)
    compared = 0
    for (t, d, horizon_ms), event in forecasts.items():
        h = CONFIG.horizons_ms.index(horizon_ms)
        np.testing.assert_allclose(found[t, d, h], event["forecast"], rtol=1e-5, atol=1e-5)
        compared += np.isfinite(event["forecast"]).sum()
    for d in range(DEVICES):
        found[np.flatnonzero(data.present[:, d])[-1], d] = np.nan  # no later reading closes the last bin
    assert np.isfinite(found).sum() == compared > 1000
    states = {decision.state for event in events for decision in event.decisions}
    assert states >= {"promoted", "rejected"} | ({"rolled_back"} if seed == 0 else set())
    stood_on = {int(event["model_version"]) for event in forecasts.values()}
    assert {e.champion for e in events[:-1]} <= stood_on <= {e.champion for e in events}
    assert int(fleet.version) >= len(events) >= 8


def test_a_server_makes_the_models_in_the_means_place():
    """One that averages, as the mean does; and what it is given: who sent, the case, and what it made before."""
    data, calls = grid(), []

    def average(case, last, sent, examples):
        case, last, sent, examples = map(np.asarray, (case, last, sent, examples))
        calls.append((int(case), last.copy(), (examples > 0).sum()))
        return np.average(sent, 0, examples).astype(np.float32) if examples.any() else last

    _, plain = lockstep.run(CONFIG, ROUNDS._replace(staleness_exponent=0.0), data)
    _, served = lockstep.run(CONFIG, ROUNDS, data, average, 7)
    found, wanted = (np.asarray(outputs.forecasts.combined) for outputs in (served, plain))
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)
    assert len(calls) == BINS // 6
    assert {case for case, _, _ in calls} == {7}
    assert max(count for _, _, count in calls) == DEVICES
    _, stuck = lockstep.run(CONFIG, ROUNDS, data, lambda case, last, sent, examples: np.zeros_like(last), 0)
    assert np.nanmax(np.abs(np.asarray(stuck.forecasts.network) - np.asarray(plain.forecasts.network))) > 0.01


def test_a_device_that_is_absent_says_nothing_and_stays_as_it_is():
    data = grid()
    _, outputs = lockstep.run(CONFIG, ROUNDS, data)
    made = np.isfinite(np.asarray(outputs.level)).any(axis=2)
    assert (made == np.isfinite(data.values).any(axis=2)).all()
    assert (np.asarray(outputs.examples)[~data.present] == 0).all()


def test_alone_a_device_learns_what_it_learns_without_the_others():
    data = grid()
    _, together = lockstep.run(CONFIG, Rounds(federated=False), data)
    for d in range(DEVICES):
        only = Grid(START, single(data.values[:, d : d + 1]), data.present[:, d : d + 1])
        _, outputs = lockstep.run(CONFIG, Rounds(federated=False), only)
        np.testing.assert_allclose(
            np.asarray(outputs.forecasts.combined)[:, 0], np.asarray(together.forecasts.combined)[:, d], atol=1e-3
        )


def test_a_device_that_joins_begins_with_the_fleets_knowledge():
    data = grid()
    until = Grid(START, single(data.values[:31]), data.present[:31])
    fleet, _ = lockstep.run(CONFIG, ROUNDS, until)
    linear = np.asarray(jax.tree.map(lambda leaf: leaf[2], fleet.learners).linear.weights)
    assert (linear != knowledge.initial(CONFIG).linear).any()
    apart, _ = lockstep.run(CONFIG, Rounds(federated=False), until)
    np.testing.assert_array_equal(apart.learners.linear.weights[2], knowledge.initial(CONFIG).linear)
