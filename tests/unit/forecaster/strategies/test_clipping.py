"""Norm clipping, against plain NumPy."""

import numpy as np
import pytest
from hypothesis import given, settings

from forecaster.strategies import ACCEPTED, CLIPPED, fedavg, norm_clipping
from tests.unit.forecaster.strategies.windows import PARENT, apply, random_members, windows

NORM = 2.0


@settings(max_examples=50, deadline=None)
@given(members=windows)
def test_it_is_the_weighted_mean_of_clipped_moves(members):
    moves = np.stack([member.weights for member in members]).astype(np.float64) - PARENT
    lengths = np.linalg.norm(moves, axis=1)
    clipped = moves * np.minimum(1, NORM / np.maximum(lengths, 1e-30))[:, None]
    weights = np.array([member.examples * member.discount for member in members])
    aggregate = apply(norm_clipping(NORM), members)
    np.testing.assert_allclose(aggregate.weights, PARENT + weights @ clipped / weights.sum(), rtol=1e-6, atol=5e-7)
    for member, length, weight in zip(members, lengths, weights, strict=True):
        share = aggregate.shares[member.update_id]
        assert share.coefficient == pytest.approx(weight / weights.sum(), rel=1e-12)
        if abs(length / NORM - 1) > 1e-12:
            assert share.outcome == (CLIPPED if length > NORM else ACCEPTED)


def test_a_clipped_member_is_told_how_far_it_moved():
    far = random_members(1, 1, spread=0)[0]._replace(weights=PARENT + np.float32([3, 0, 0, 4, 0, 0]))
    aggregate = apply(norm_clipping(NORM), [far])
    assert aggregate.shares[far.update_id] == (1.0, CLIPPED, "moved 5, the bound is 2")
    np.testing.assert_allclose(aggregate.weights - PARENT, [1.2, 0, 0, 1.6, 0, 0], atol=1e-6)


def test_a_bound_that_nobody_reaches_leaves_fedavg():
    members = random_members(1, 8)
    assert apply(norm_clipping(1e9), members).weights.tobytes() == apply(fedavg(), members).weights.tobytes()
    assert apply(norm_clipping(1e9), members).shares == apply(fedavg(), members).shares
