"""Parents, members and strategies to try."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from forecaster.strategies import (
    Member,
    Strategy,
    fedadam,
    fedavg,
    fedavgm,
    fedyogi,
    geometric_median,
    krum,
    median,
    multi_krum,
    norm_clipping,
    private_fedavg,
    trimmed_mean,
)

SIZE = 6
EVERY: list[Strategy] = [
    fedavg(),
    fedavgm(0.7, 0.9),
    fedadam(),
    fedadam(learned=slice(1, 4)),
    fedyogi(),
    median(),
    trimmed_mean(),
    krum(byzantine=1),
    multi_krum(byzantine=1, kept=3),
    geometric_median(),
    norm_clipping(norm=2.0),
    private_fedavg(norm=2.0, noise_multiplier=0.0, delta=1e-5, seed=7),
    private_fedavg(norm=2.0, noise_multiplier=1.0, delta=1e-5, seed=7),
]
"""Every strategy there is: a new one is added here and held to the same contract."""
EXACT = [strategy for strategy in EVERY if not strategy.parameters.get("noise_multiplier")]
"""Those that add no noise."""
AGREEING = [
    strategy
    for strategy in EVERY
    if strategy.name in ("fedavg", "median", "trimmed_mean", "krum", "multi_krum", "geometric_median")
]
"""Those that go wherever all members are, at once."""

numbers = st.one_of(
    st.sampled_from([-2.0, -1.0, -0.5, 0.0, 0.1, 1.0, 3.0]),  # members often agree in a number
    st.floats(-1e6, 1e6, width=32, allow_subnormal=False),
).map(lambda number: number + 0.0)  # no -0, which an average makes 0
vectors = arrays(np.float32, SIZE, elements=numbers)
discounts = st.sampled_from([1.0, 1.0, 0.5, 0.3])
windows = st.lists(st.tuples(vectors, st.integers(1, 500), discounts), min_size=1, max_size=9).map(
    lambda rows: [Member(f"mote-{at:02}/3", *row) for at, row in enumerate(rows)]
)
PARENT = np.linspace(-1, 1, SIZE).astype(np.float32)


def random_members(seed, count, size=SIZE, spread=1.0):
    random = np.random.default_rng(seed)
    return [
        Member(f"mote-{at:02}/3", random.normal(0, spread, size).astype(np.float32), int(random.integers(1, 200)))
        for at in range(count)
    ]


def apply(strategy, members, parent=PARENT):
    return strategy.update(strategy.init(parent), parent, members)[1]
