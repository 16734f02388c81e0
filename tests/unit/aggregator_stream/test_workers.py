"""A window summed up in parts, by partition, is to the byte the window summed up at once."""

import numpy as np
import pytest
from safetensors.numpy import load, save

from aggregator_stream.fold.restore import beginning
from aggregator_stream.fold.state import Located
from aggregator_stream.workers.plans import PlanError, answer, here, part_of, plans
from forecaster import knowledge
from forecaster.strategies import merged, named
from forecaster.weights import WeightsError
from tests.unit.aggregator_stream.fleet import RULES, fold, update, written
from tests.unit.aggregator_stream.fleet import merged as in_turn
from tests.unit.forecaster.series import TINY

STRATEGIES = {
    "fedavg": {},
    "fedadam": {},
    "norm_clipping": {"norm": 9.0},
    "private_fedavg": {"norm": 9.0, "noise_multiplier": 1.0, "delta": 1e-5, "seed": 3.0},
}
LOG = written(
    [
        (update(f"mote-{d:02}", n, 30 * n - d % 7, 5 + d + n, base_version=max(n - 2 - d % 3, 0)), 30 * n)
        for n in range(1, 6)
        for d in range(9)
    ]
)


class Workers:
    """In the place of processes: every plan answered from the log, the parts put together in another order."""

    def __init__(self, absent=()):
        self.absent, self.plans, self.windows = absent, [], []

    def __call__(self, asked):
        self.windows.append(asked)
        made = plans(TINY, asked)
        self.plans += made
        parts = [
            part_of(plan, answer(TINY, plan, on_log(plan)), len(asked.parent))
            for plan in reversed(made)
            if plan.partition not in self.absent
        ]
        late = [plan.partition for plan in made if plan.partition in self.absent]
        return merged([*parts, here(TINY, asked, late)] if late else parts)


def on_log(plan):
    """What a worker finds of its partition, more than it needs."""
    return {r.offset: r.update for r in LOG[plan.partition] if isinstance(r, Located)}


@pytest.mark.parametrize("absent", [(), (1, 3)], ids=["all answer", "two partitions are summed up here"])
@pytest.mark.parametrize("name", STRATEGIES)
def test_windows_in_parts_are_the_same_events(name, absent):
    layout = knowledge.learned(TINY), knowledge.parts(TINY)
    rules, workers = RULES._replace(strategy=named(name, STRATEGIES[name], *layout)), Workers(absent)
    records = list(in_turn(LOG, []))
    _, alone = fold(beginning(rules), records, rules)
    shared = rules._replace(gather=workers)
    _, together = fold(beginning(shared), records, shared)
    assert together == alone
    assert len(alone) >= 4
    assert {plan.plan_id.rpartition("/")[0] for plan in workers.plans} == {
        f"fleet/{model.version}/{partition}" for model in alone for partition in range(4)
    }
    summed = {(plan.version, s.update_id) for plan in workers.plans for s in plan.summands}
    assert summed == {(m.version, c.update_id) for m in alone for c in m.contributions if c.coefficient}


def test_a_strategy_that_must_see_all_members_together_asks_nobody():
    rules, workers = RULES._replace(strategy=named("median", {}, None)), Workers()
    records = list(in_turn(LOG, []))
    shared = rules._replace(gather=workers)
    assert fold(beginning(shared), records, shared)[1] == fold(beginning(rules), records, rules)[1]
    assert workers.plans == []


@pytest.fixture(scope="module")
def planned():
    """A window's question, one of its plans and the answer."""
    workers = Workers()
    shared = RULES._replace(gather=workers)
    fold(beginning(shared), list(in_turn(LOG, [])), shared)
    asked = workers.windows[-1]
    plan = next(p for p in plans(TINY, asked) if any(summand.discount < 1 for summand in p.summands))
    return asked, plan, answer(TINY, plan, on_log(plan))


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"architecture": "tanh-1"}, PlanError, "architecture tanh-1 is not"),
        ({"strategy": "median"}, PlanError, "median must see all members together"),
        ({"strategy": "bulyan"}, ValueError, "there is no strategy 'bulyan'"),
        ({"parent": b"no"}, WeightsError, "not safetensors"),
    ],
)
def test_a_plan_that_cannot_be_followed_says_why(planned, changes, error, said):
    _, plan, _ = planned
    with pytest.raises(error, match=said):
        answer(TINY, plan._replace(**changes), on_log(plan))


def test_a_plan_that_says_something_else_has_another_id(planned):
    asked, plan, _ = planned
    first = plan.summands[0]
    others = [
        asked._replace(summands={plan.partition: [first._replace(discount=first.discount / 2), *plan.summands[1:]]}),
        asked._replace(summands={plan.partition: plan.summands[1:]}),
        asked._replace(parent=asked.parent + 1),
        asked._replace(strategy=named("fedadam", {"learning_rate": 0.2}, None)),
    ]
    ids = [plans(TINY, other)[0].plan_id for other in others]
    assert len({plan.plan_id, *ids}) == 1 + len(others)
    [same] = plans(TINY, asked._replace(summands={plan.partition: plan.summands}))
    assert same == plan


def test_an_update_that_is_not_where_the_plan_says_is_named(planned):
    _, plan, _ = planned
    first, *others = plan.summands
    elsewhere = plan._replace(summands=(first._replace(offset=0), *others))
    with pytest.raises(PlanError, match=f"{first.update_id} is not at local_updates/{plan.partition}/0"):
        answer(TINY, elsewhere, on_log(plan))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"shares": ()}, "its members are not the plan's"),
        ({"sums": b"no"}, "not safetensors"),
        ({"sums": save({"values": np.zeros((2, 3)), "weight": np.zeros(2)})}, r"sums are .*\(2, 3\)"),
    ],
)
def test_a_part_that_does_not_answer_its_plan_is_refused(planned, changes, said):
    asked, plan, answered = planned
    with pytest.raises(PlanError, match=said):
        part_of(plan, answered._replace(**changes), len(asked.parent))


def test_an_answer_holds_what_was_summed_up_in_full(planned):
    asked, plan, answered = planned
    sums, expected = load(answered.sums), here(TINY, asked, [plan.partition])
    assert sums["values"].tobytes() == expected.sums.values.tobytes()
    assert (sums["values"][1] != 0).any(), "the low part is not lost on the way"
    assert {share.update_id: share.weight for share in answered.shares} == {
        name: share.coefficient for name, share in expected.shares.items()
    }
