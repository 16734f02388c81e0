"""Number by number against Flower, on the same arrays."""

import inspect

import numpy as np
import pytest

from benchmarks.aggregation import flower
from forecaster.strategies import STRATEGIES, Member, named

SIZE = 300
FLOAT32 = 2**-23
"""Between two float32 numbers, relative. Flower sums in float32, we in more."""


def defaults(name):
    parameters = inspect.signature(STRATEGIES[name]).parameters.values()
    return {own.name: own.default for own in parameters if own.name != "learned" and own.default is not own.empty}


def window(seed, members, alike=False):
    random = np.random.default_rng(seed)
    rows = random.normal(0.3, 1, (members, SIZE)).astype(np.float32)
    return rows, np.full(members, 7) if alike else random.integers(1, 300, members)


def ours(name, parameters, parent, rounds, examples):
    strategy, weights = named(name, parameters, None), []
    state = strategy.init(parent)
    for rows, counts in zip(rounds, examples, strict=True):
        members = [
            Member(f"d{at:02}/1", row, int(count)) for at, (row, count) in enumerate(zip(rows, counts, strict=True))
        ]
        state, aggregate = strategy.update(state, parent, members)
        parent = aggregate.weights
        weights.append(parent)
    return np.stack(weights)


def both(name, parameters, rounds=1, members=13, alike=False):
    """Ours and Flower's; of no parameters, each with its own defaults."""
    rows, examples = (np.stack(part) for part in zip(*(window(s, members, alike) for s in range(rounds)), strict=True))
    parent = np.random.default_rng(99).normal(0, 1, SIZE).astype(np.float32)
    whole = {**defaults(name), **parameters}
    theirs = flower.run(name, whole if parameters else None, parent, rows, examples).weights
    return ours(name, parameters, parent, rows, examples), theirs


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("fedavg", {}),
        ("median", {}),
        ("trimmed_mean", {}),
        ("trimmed_mean", {"cut": 0.35}),
        ("trimmed_mean", {"cut": 0.0}),
        ("krum", {"byzantine": 0}),
        ("krum", {"byzantine": 4}),
    ],
)
@pytest.mark.parametrize("members", [1, 2, 13, 54])
def test_one_window_is_flowers(name, parameters, members):
    mine, theirs = both(name, parameters, members=members)
    # Of sums of up to 54 numbers near 1, each rounded.
    np.testing.assert_allclose(mine, theirs, rtol=4 * FLOAT32, atol=8 * FLOAT32)


@pytest.mark.parametrize(("byzantine", "kept"), [(0, 1), (4, 5), (2, 13)])
def test_multi_krum_is_flowers_where_all_learned_from_as_many_examples(byzantine, kept):
    mine, theirs = both("multi_krum", {"byzantine": byzantine, "kept": kept}, alike=True)
    np.testing.assert_allclose(mine, theirs, rtol=4 * FLOAT32, atol=8 * FLOAT32)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("fedavgm", {}),
        ("fedavgm", {"learning_rate": 0.5, "momentum": 0.9}),
        ("fedadam", {}),
        ("fedadam", {"learning_rate": 0.01, "b1": 0.5, "b2": 0.999, "tau": 1e-3}),
        ("fedyogi", {}),
        ("fedyogi", {"learning_rate": 0.1, "b1": 0.7, "b2": 0.9, "tau": 1e-6}),
    ],
)
def test_server_optimizers_are_flowers_over_ten_windows(name, parameters):
    mine, theirs = both(name, parameters, rounds=10)
    # Flower goes on in float64 from the second window on; we keep weights and state in float32.
    np.testing.assert_allclose(mine, theirs, rtol=16 * FLOAT32, atol=32 * FLOAT32)
    assert np.abs(mine[-1] - mine[0]).max() > 0.01
