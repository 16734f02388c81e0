"""What every strategy promises, and what each is."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecaster.knowledge import initial
from forecaster.strategies import Member, Strategy, fedavg
from forecaster.weights import to_bytes
from tests.unit.forecaster.series import TINY

STRATEGIES: list[Strategy] = [fedavg()]
"""Every strategy there is: a new one is added here and held to the same contract."""
every_strategy = pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda strategy: strategy.name)


def known(seed, size=1.0):
    random = np.random.default_rng(seed)
    return jax.tree.map(lambda a: random.normal(0, size, a.shape).astype(np.float32), initial(TINY))


def apply(strategy, members, parent=None):
    parent = known(99) if parent is None else parent
    return strategy.update(strategy.init(parent), parent, members)[1]


PARENT = known(99)
members = st.lists(
    st.tuples(st.integers(0, 50), st.integers(1, 500)), min_size=1, max_size=6, unique_by=lambda m: m[0]
).map(lambda rows: [Member(f"mote-{seed:02}/3", known(seed), count) for seed, count in rows])


@every_strategy
@settings(max_examples=30, deadline=None)
@given(counts=st.lists(st.integers(1, 10**6), min_size=1, max_size=9), seed=st.integers(0, 99))
def test_identical_members_give_exactly_themselves(strategy, counts, seed):
    same = known(seed)
    aggregate = apply(strategy, [Member(f"d{i}/1", same, count) for i, count in enumerate(counts)], parent=same)
    assert to_bytes(aggregate.knowledge) == to_bytes(same)


@every_strategy
@settings(max_examples=30, deadline=None)
@given(rows=members, data=st.data())
def test_the_order_of_members_changes_no_byte(strategy, rows, data):
    shuffled = data.draw(st.permutations(rows))
    plain, other = apply(strategy, rows), apply(strategy, shuffled)
    assert to_bytes(plain.knowledge) == to_bytes(other.knowledge)
    assert plain.coefficients == other.coefficients


@every_strategy
@settings(max_examples=30, deadline=None)
@given(rows=members)
def test_coefficients_are_shares_of_the_members_and_of_nobody_else(strategy, rows):
    coefficients = apply(strategy, rows).coefficients
    assert set(coefficients) == {member.update_id for member in rows}
    assert all(0 <= share <= 1 for share in coefficients.values())
    assert sum(coefficients.values()) == pytest.approx(1, abs=1e-12)


@every_strategy
def test_a_single_member_is_the_aggregate(strategy):
    aggregate = apply(strategy, [Member("mote-01/1", known(1), 7)])
    assert to_bytes(aggregate.knowledge) == to_bytes(known(1))
    assert aggregate.coefficients == {"mote-01/1": 1.0}


@every_strategy
def test_nobody_leaves_the_parent(strategy):
    aggregate = apply(strategy, [], parent=PARENT)
    assert to_bytes(aggregate.knowledge) == to_bytes(PARENT)
    assert aggregate.coefficients == {}


@every_strategy
def test_the_aggregate_has_the_parents_shapes_and_kind(strategy):
    aggregate = apply(strategy, [Member("a/1", known(1), 1), Member("b/1", known(2), 2)])
    assert jax.tree.structure(aggregate.knowledge) == jax.tree.structure(PARENT)
    for leaf, parent in zip(jax.tree.leaves(aggregate.knowledge), jax.tree.leaves(PARENT), strict=True):
        assert (leaf.shape, leaf.dtype) == (parent.shape, np.float32)


@every_strategy
def test_members_are_left_as_they_are(strategy):
    rows = [Member("a/1", known(1), 1), Member("b/1", known(2), 2)]
    apply(strategy, rows)
    assert [to_bytes(member.knowledge) for member in rows] == [to_bytes(known(1)), to_bytes(known(2))]


def test_no_two_strategies_have_one_name():
    assert len({strategy.name for strategy in STRATEGIES}) == len(STRATEGIES)
    assert all(isinstance(v, float) for strategy in STRATEGIES for v in strategy.parameters.values())


@settings(max_examples=30, deadline=None)
@given(rows=members)
def test_fedavg_is_the_mean_weighted_by_examples(rows):
    aggregate = apply(fedavg(), rows)
    counts = [member.example_count for member in rows]
    for leaf, *arrays in zip(
        jax.tree.leaves(aggregate.knowledge), *(jax.tree.leaves(member.knowledge) for member in rows), strict=True
    ):
        expected = np.average(np.stack(arrays).astype(np.float64), axis=0, weights=counts)
        np.testing.assert_allclose(leaf, expected, rtol=1e-6, atol=1e-7)
    for member in rows:
        assert aggregate.coefficients[member.update_id] == member.example_count / sum(counts)


def test_fedavg_of_huge_weights_does_not_overflow():
    huge = jax.tree.map(lambda a: np.full_like(a, 3e38), initial(TINY))
    aggregate = apply(fedavg(), [Member(f"d{i}/1", huge, 1) for i in range(3)])
    assert to_bytes(aggregate.knowledge) == to_bytes(huge)
