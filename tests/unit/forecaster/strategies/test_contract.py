"""What every strategy promises, whatever it is."""

import inspect
import math
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load, save

from forecaster.strategies import ACCEPTED, CLIPPED, REJECTED, STRATEGIES, Member, MemberError, merged
from tests.unit.forecaster.strategies.windows import (
    AGREEING,
    EVERY,
    EXACT,
    PARENT,
    SIZE,
    apply,
    random_members,
    vectors,
    windows,
)


def label(strategy):
    return f"{strategy.name}-{EVERY.index(strategy)}"


every = pytest.mark.parametrize("strategy", EVERY, ids=label)
exact = pytest.mark.parametrize("strategy", EXACT, ids=label)
agreeing = pytest.mark.parametrize("strategy", AGREEING, ids=label)
counts = st.lists(st.integers(1, 10**6), min_size=1, max_size=9)


def test_every_strategy_is_held_to_this_contract():
    assert {strategy.name for strategy in EVERY} == set(STRATEGIES)
    for strategy in EVERY:
        own = inspect.signature(STRATEGIES[strategy.name]).parameters.keys() - {"learned", "parts"}
        assert strategy.parameters.keys() == own
        assert all(type(value) is float for value in strategy.parameters.values())


@exact
@settings(max_examples=30, deadline=None)
@given(same=vectors, examples=counts)
def test_members_that_are_the_parent_give_exactly_the_parent(strategy, same, examples):
    aggregate = apply(strategy, [Member(f"d{at}/1", same, count) for at, count in enumerate(examples)], same)
    assert aggregate.weights.tobytes() == same.tobytes()


@agreeing
@settings(max_examples=30, deadline=None)
@given(parent=vectors, same=vectors, examples=counts)
def test_members_that_agree_give_exactly_what_they_agree_in(strategy, parent, same, examples):
    aggregate = apply(strategy, [Member(f"d{at}/1", same, count) for at, count in enumerate(examples)], parent)
    assert aggregate.weights.tobytes() == same.tobytes()


@every
@settings(max_examples=30, deadline=None)
@given(members=windows, data=st.data())
def test_the_order_of_members_changes_no_byte(strategy, members, data):
    shuffled = data.draw(st.permutations(members))
    state, aggregate = strategy.update(strategy.init(PARENT), PARENT, members)
    other_state, other = strategy.update(strategy.init(PARENT), PARENT, iter(shuffled))
    assert aggregate.weights.tobytes() == other.weights.tobytes()
    assert aggregate.shares == other.shares
    assert aggregate.notes == other.notes
    assert save(dict(state)) == save(dict(other_state))


@every
@settings(max_examples=15, deadline=None)
@given(history=st.lists(windows, min_size=2, max_size=4))
def test_replay_gives_the_same_bytes_though_the_state_went_through_safetensors(strategy, history):
    def run(carry):
        state, parent = strategy.init(PARENT), PARENT
        for members in history:
            state, aggregate = strategy.update(carry(state), parent, members)
            parent = aggregate.weights
            yield parent.tobytes(), save(dict(state)), aggregate.shares, aggregate.notes

    assert list(run(lambda state: state)) == list(run(lambda state: load(save(dict(state)))))


BROKEN = {
    "NaN": {"weights": np.full(SIZE, np.nan, np.float32)},
    "infinity": {"weights": np.full(SIZE, np.inf, np.float32)},
    "minus infinity in one place": {"weights": np.array([0, 0, -np.inf, 0, 0, 0], np.float32)},
    "shape": {"weights": np.zeros(SIZE + 1, np.float32)},
    "dimensions": {"weights": np.zeros((1, SIZE), np.float32)},
    "type": {"weights": np.zeros(SIZE, np.float64)},
    "no examples": {"examples": 0},
    "discount of 0": {"discount": 0.0},
    "discount above 1": {"discount": 1.5},
    "discount of NaN": {"discount": math.nan},
    "id of another": {"update_id": "mote-00/3"},
}


@every
@pytest.mark.parametrize("at", [1, 4])
@pytest.mark.parametrize("wrong", BROKEN.values(), ids=BROKEN)
def test_a_member_that_breaks_its_promises_is_named(strategy, wrong, at):
    members = random_members(1, 5)
    members[at] = members[at]._replace(**wrong)
    with pytest.raises(MemberError, match=members[at].update_id):
        apply(strategy, members)


@every
@settings(max_examples=30, deadline=None)
@given(members=windows)
def test_shares_are_the_members_and_nobody_elses(strategy, members):
    shares = apply(strategy, members).shares
    assert set(shares) == {member.update_id for member in members}
    assert all(0 <= share.coefficient <= 1 for share in shares.values())
    assert math.fsum(share.coefficient for share in shares.values()) == pytest.approx(1, abs=1e-12)
    for share in shares.values():
        assert share.outcome in (ACCEPTED, CLIPPED, REJECTED)
        assert (share.reason is None) == (share.outcome == ACCEPTED)
        assert share.outcome != REJECTED or share.coefficient == 0


@every
def test_a_single_member_has_the_whole_share(strategy):
    (share,) = apply(strategy, random_members(1, 1)).shares.values()
    assert share.coefficient == 1


@agreeing
@settings(max_examples=30, deadline=None)
@given(members=windows, parent=vectors)
def test_a_single_fresh_member_is_the_aggregate(strategy, members, parent):
    aggregate = apply(strategy, [members[0]._replace(discount=1.0)], parent)
    assert aggregate.weights.tobytes() == members[0].weights.tobytes()


@every
def test_nobody_leaves_the_parent_and_the_state(strategy):
    state, aggregate = strategy.update(strategy.init(PARENT), PARENT, random_members(1, 4))
    after, empty = strategy.update(state, aggregate.weights, iter([]))
    assert empty.weights.tobytes() == aggregate.weights.tobytes()
    assert (empty.shares, empty.notes) == ({}, {})
    assert save(dict(after)) == save(dict(state))


@every
@settings(max_examples=30, deadline=None)
@given(members=windows)
def test_the_aggregate_is_finite_and_of_the_parents_shape_and_type(strategy, members):
    state, aggregate = strategy.update(strategy.init(PARENT), PARENT, members)
    assert (aggregate.weights.shape, aggregate.weights.dtype) == (PARENT.shape, np.float32)
    assert np.isfinite(aggregate.weights).all()
    assert all(array.dtype == np.float32 and np.isfinite(array).all() for array in state.values())


@every
def test_the_largest_numbers_there_are_overflow_nothing(strategy):
    values = [3e38, -3e38, 3e38, 1.0, 2.0]
    members = [Member(f"d{at}/1", np.full(SIZE, value, np.float32), 1) for at, value in enumerate(values)]
    state = strategy.init(PARENT)
    for _ in range(2):
        state, aggregate = strategy.update(state, PARENT, members)
        assert np.isfinite(aggregate.weights).all()
        assert all(np.isfinite(array).all() for array in state.values())


@every
def test_nothing_that_was_given_is_changed(strategy):
    members, parent = random_members(1, 5), PARENT.copy()
    members[2] = members[2]._replace(discount=0.5)
    state = strategy.init(parent)
    given_arrays = [*(member.weights for member in members), parent, *state.values()]
    before = [array.tobytes() for array in given_arrays]
    strategy.update(state, parent, members)
    assert [array.tobytes() for array in given_arrays] == before


@every
def test_a_discount_of_one_is_none(strategy):
    members = random_members(1, 5)
    discounted = [member._replace(discount=1.0) for member in members]
    assert apply(strategy, members).weights.tobytes() == apply(strategy, discounted).weights.tobytes()


streaming = pytest.mark.parametrize("strategy", [strategy for strategy in EVERY if strategy.gather], ids=label)


@streaming
@settings(max_examples=30, deadline=None)
@given(members=windows, cuts=st.lists(st.integers(0, 3), min_size=20, max_size=20), turn=st.integers(0, 3))
def test_in_parts_it_is_the_same_to_the_byte(strategy, members, cuts, turn):
    """Whoever gathers which members, in whatever order what they come to is put together."""
    state, aggregate = strategy.update(strategy.init(PARENT), PARENT, members)
    groups = [[m for m, cut in zip(members, cuts, strict=False) if cut == g] for g in range(4)] + [members[20:]]
    parts = [strategy.gather(PARENT, iter(group)) for group in groups]
    after, again = strategy.finish(strategy.init(PARENT), PARENT, merged(parts[turn:] + parts[:turn]))
    assert again.weights.tobytes() == aggregate.weights.tobytes()
    assert again.shares == aggregate.shares
    assert again.notes == aggregate.notes
    assert save(dict(after)) == save(dict(state))


@streaming
def test_nobody_is_in_two_parts(strategy):
    members = random_members(1, 3)
    parts = [strategy.gather(PARENT, members[:2]), strategy.gather(PARENT, members[1:])]
    with pytest.raises(MemberError, match=f"{members[1].update_id} is twice"):
        merged(parts)


@streaming
def test_what_streams_holds_one_member_at_a_time(strategy):
    seen = []

    def fresh(at):
        array = random_members(at, 1)[0].weights
        seen.append(weakref.ref(array))
        return Member(f"d{at}/1", array, 1, 0.5 + at / 40)

    def stream():
        for at in range(20):
            assert sum(array() is not None for array in seen) <= 1  # the one before, no longer needed
            yield fresh(at)

    apply(strategy, stream())
    assert len(seen) == 20
