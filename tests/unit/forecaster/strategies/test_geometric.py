"""The geometric median, against SciPy's minimum and what is known in closed form."""

import numpy as np
import pytest
from scipy.optimize import minimize

from forecaster.strategies import Member, geometric_median
from tests.unit.forecaster.strategies.windows import apply, random_members


def objective(centre, rows, discounts):
    return float(discounts @ np.linalg.norm(rows - centre, axis=1))


@pytest.mark.parametrize("seed", range(5))
def test_it_is_the_minimum_that_scipy_finds(seed):
    random = np.random.default_rng(seed)
    discounts = random.choice([1.0, 0.5, 0.2], 15)
    members = [
        member._replace(discount=float(discount))
        for member, discount in zip(random_members(seed, 15), discounts, strict=True)
    ]
    rows = np.stack([member.weights for member in members]).astype(np.float64)
    least = minimize(objective, rows.mean(axis=0), (rows, discounts), "BFGS", options={"gtol": 1e-9})
    aggregate = apply(geometric_median(), members)
    assert objective(aggregate.weights, rows, discounts) <= least.fun * (1 + 1e-7)
    np.testing.assert_allclose(aggregate.weights, least.x, atol=3e-4)


def test_in_a_triangle_it_sees_every_side_under_120_degrees():
    corners = [[0, 0], [1, 0], [0.5, np.sqrt(3) / 2]]
    members = [Member(f"d{at}", np.array(corner, np.float32), at + 1) for at, corner in enumerate(corners)]
    aggregate = apply(geometric_median(), members, np.zeros(2, np.float32))
    np.testing.assert_allclose(aggregate.weights, np.mean(corners, axis=0), atol=1e-4)
    assert [share.coefficient for share in aggregate.shares.values()] == pytest.approx([1 / 3] * 3, abs=1e-3)


def test_shares_are_the_weights_it_is_the_mean_with():
    members = random_members(8, 9)
    aggregate = apply(geometric_median(), members)
    mean = sum(aggregate.shares[member.update_id].coefficient * member.weights for member in members)
    np.testing.assert_allclose(aggregate.weights, mean, rtol=1e-6, atol=1e-7)


def test_a_few_far_off_hardly_matter():
    members = random_members(3, 10)
    honest = apply(geometric_median(), members).weights
    members[:3] = [member._replace(weights=np.full_like(member.weights, 1e30)) for member in members[:3]]
    assert np.linalg.norm(apply(geometric_median(), members).weights - honest) < 3


def test_every_part_has_its_own():
    """Who lies in numbers that are small is seen, though all lie far apart in others; shares are means over numbers."""
    members = random_members(3, 12)
    scaled = [m._replace(weights=np.concatenate([m.weights * 1000, m.weights, m.weights[:2]])) for m in members]
    size = len(members[0].weights)
    scaled[:4] = [
        m._replace(weights=np.append(m.weights[:size], [50] * (size + 2)).astype(np.float32)) for m in scaled[:4]
    ]
    parts = [slice(0, size), slice(size, 2 * size), slice(2 * size, 2 * size + 2)]
    parent = np.zeros(2 * size + 2, np.float32)
    found = apply(geometric_median(parts=parts), scaled, parent)
    alone = [apply(geometric_median(), [m._replace(weights=m.weights[p]) for m in scaled], parent[p]) for p in parts]
    np.testing.assert_array_equal(found.weights, np.concatenate([one.weights for one in alone]))
    for name, share in found.shares.items():
        expected = np.average([one.shares[name].coefficient for one in alone], weights=[size, size, 2])
        assert share.coefficient == pytest.approx(expected)
    whole = apply(geometric_median(), scaled, parent)
    assert np.abs(found.weights[size:]).max() < 5 < np.abs(whole.weights[size:]).max()


def test_one_iteration_is_no_more_than_one():
    members = random_members(3, 10)
    one, many = (apply(geometric_median(iterations=count), members).weights for count in (1, 100))
    assert np.linalg.norm(one - many) > 1e-3
