"""Differential privacy over windows: what has been published stays so, whatever becomes of it."""

from itertools import combinations, groupby

import numpy as np
import pytest
from dp_accounting import GaussianDpEvent
from dp_accounting.rdp import RdpAccountant

from aggregator_stream.fold.restore import beginning
from aggregator_stream.fold.state import Mark
from aggregator_stream.fold.windows import step
from forecaster import knowledge, weights
from forecaster.strategies import Member, named
from tests.unit.aggregator_stream.fleet import RULES, fold, restored, update, written
from tests.unit.aggregator_stream.test_commands import order
from tests.unit.aggregator_stream.test_promotion import JUDGING, judged_fleet
from tests.unit.aggregator_stream.test_verification import checked
from tests.unit.forecaster.series import TINY

DELTA = 1e-5


def private(noise_multiplier=1.0, **changes):
    given = {"norm": 1.0, "noise_multiplier": noise_multiplier, "delta": DELTA, "seed": 7} | changes
    return named("private_fedavg", given, None)


def epsilon(*noise_multipliers):
    """By the accountant's own composition, one release at a time."""
    accountant = RdpAccountant()
    for multiplier in noise_multipliers:
        accountant.compose(GaussianDpEvent(multiplier))
    return accountant.get_epsilon(DELTA)


def noise_of(model, models, updates):
    """Standard normal numbers: what a version has beside the mean of its clipped members."""
    parents = {other.version: weights.flat_from_bytes(TINY, other.weights) for other in models}
    parent = parents.get(model.parent_version, np.asarray(knowledge.flat(knowledge.initial(TINY))))
    sent = [updates[c.partition, c.offset] for c in model.contributions if c.coefficient > 0]
    members = [Member(u.update_id, weights.flat_from_bytes(TINY, u.weights), u.example_count) for u in sent]
    clean = private(0.0)
    mean = clean.update(clean.init(parent), parent, members)[1].weights
    return (weights.flat_from_bytes(TINY, model.weights) - mean.astype(np.float64)) * len(members)


def places_of(log):
    return {(r.partition, r.offset): r.update for r in log if not isinstance(r, Mark)}


def test_what_was_rejected_or_gone_back_from_has_been_read_all_the_same():
    """3 and 5 are rejected, 4 is gone back from: what follows them neither has their noise nor forgets their cost."""
    log, models = judged_fleet(JUDGING._replace(strategy=private()))
    states = {(d.version, d.state) for model in models for d in model.decisions}
    assert {(3, "rejected"), (5, "rejected"), (4, "rolled_back")} <= states
    updates = places_of(log)
    noises = [noise_of(model, models, updates) for model in models]
    assert all(0.8 < noise.std() < 1.2 for noise in noises)
    assert all(abs(np.corrcoef(one, other)[0, 1]) < 0.3 for one, other in combinations(noises, 2))
    for number, model in enumerate(models, 1):
        assert model.notes["round"] == number
        assert model.notes["epsilon"] == pytest.approx(epsilon(*[1.0] * number), rel=1e-5)
    assert checked(models, updates) == {}


@pytest.mark.parametrize("killed", range(1, 10))
def test_killed_after_any_version_the_same_noise_and_cost_follow(killed):
    rules = JUDGING._replace(strategy=private())
    log, models = judged_fleet(rules)
    state = restored(rules, models[:killed])
    _, after = fold(state, [record for record in log if record.offset >= state.positions.get(0, 0)], rules)
    plain = [model._replace(resume_offsets={}) for model in models]
    assert [model._replace(resume_offsets={}) for model in [*models[:killed], *after]] == plain


ONE = RULES._replace(partitions=1)
RECORDS = written([(update("mote-01", n, 30 * n), 30 * n) for n in range(1, 15)], 1)[0]


def test_an_operators_rollback_other_parameters_and_another_strategy_between_take_nothing_back():
    """Private versions, the rollback, some with half the noise, some by FedAdam, and private ones as at first."""
    cuts = [0, *(len(RECORDS) * n // 4 for n in (1, 2, 3)), len(RECORDS)]
    adam = named("fedadam", {}, knowledge.learned(TINY))
    models, made = [], []
    for strategy, begin, end in zip((private(), private(0.5), adam, private()), cuts, cuts[1:], strict=False):
        rules = ONE._replace(strategy=strategy)
        state = restored(rules, models) if models else beginning(rules)
        _, closed = fold(state, RECORDS[state.positions.get(0, 0) : end], rules)
        models += closed
        made += closed
        if begin == 0:
            _, [rollback] = step(rules, restored(rules, models), order(0, "rollback", 1, models))
            models.append(rollback)
    assert [model.version for model in models] == list(range(1, len(models) + 1))
    ours = [model for model in made if model.strategy == "private_fedavg"]
    multipliers = [model.strategy_parameters["noise_multiplier"] for model in ours]
    assert [multiplier for multiplier, _ in groupby(multipliers)] == [1.0, 0.5, 1.0]
    assert {model.strategy for model in made} == {"private_fedavg", "fedadam"}
    for number, model in enumerate(ours, 1):
        assert model.notes["round"] == number
        assert model.notes["epsilon"] == pytest.approx(epsilon(*multipliers[:number]), rel=1e-5)
    assert checked(models, places_of(RECORDS)) == {}


def test_a_version_without_noise_leaves_no_promise_for_any():
    rules, after = ONE._replace(strategy=private(0.0)), ONE._replace(strategy=private())
    _, models = fold(beginning(rules), RECORDS[: len(RECORDS) // 2], rules)
    _, more = fold(restored(after, models), RECORDS[restored(after, models).positions[0] :], after)
    assert len(more) > 1
    assert {model.notes["epsilon"] for model in [*models, *more]} == {float("inf")}
