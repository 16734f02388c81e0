"""The strategy and the network of the how-tos do what their pages say, and the pages show them as they are."""

import importlib.util
import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from forecaster import features, network
from forecaster.config import Config
from forecaster.strategies import STRATEGIES, Member, named
from infra.settings import ROOT

DOCS = ROOT / "docs"


def module(name):
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@pytest.mark.parametrize(("page", "code"), [("own-strategy.md", "halfway.py"), ("own-network.md", "residual.py")])
def test_a_page_shows_its_code_as_it_is(page, code):
    shown = (DOCS / page).read_text().partition("```python\n")[2].partition("```")[0]
    assert len(shown) > 200
    assert shown.strip() in (DOCS / code).read_text()


@pytest.fixture
def halfway(monkeypatch):
    monkeypatch.setitem(STRATEGIES, "halfway", module("halfway").halfway)
    return partial(named, "halfway", learned=None)


def test_the_strategy_goes_its_share_of_the_way_that_averaging_goes(halfway):
    parent = np.array([0, 10], np.float32)
    members = [Member("a/1", np.array([1, 10], np.float32), 1), Member("b/1", np.array([5, 2], np.float32), 3)]
    for share in (0.25, 1.0):
        strategy = halfway({"share": share})
        for order in (members, members[::-1]):
            _, aggregate = strategy.update(strategy.init(parent), parent, iter(order))
            assert aggregate.weights.tolist() == [4 * share, 10 - 6 * share]
            assert {name: each.coefficient for name, each in aggregate.shares.items()} == {"a/1": 0.25, "b/1": 0.75}
    _, nobody = strategy.update(strategy.init(parent), parent, [])
    assert nobody.weights.tolist() == parent.tolist()


def test_its_parameter_is_looked_at(halfway):
    with pytest.raises(ValueError, match="share 2 is not in"):
        halfway({"share": 2})
    with pytest.raises(ValueError, match="halfway takes share"):
        halfway({"sharing": 0.5})


def test_the_network_adds_nothing_before_it_has_learned_and_learns(monkeypatch):
    monkeypatch.setattr(network, "Network", module("residual").Network)
    config = Config(width=7)
    params = network.initial(config)
    assert set(params["params"]) == {"hidden_1", "moves", "past"}
    vectors = jax.random.normal(jax.random.key(1), (40, features.size(config)))
    usual = config.skip * features.usual(config, vectors)
    np.testing.assert_array_equal(network.moves(config, params, vectors), usual)

    targets = usual + jnp.tanh(vectors[:, :1, None])

    @jax.jit
    def loss(params):
        return jnp.mean((network.moves(config, params, vectors) - targets) ** 2)

    begun, slopes = loss(params), jax.jit(jax.grad(loss))
    for _ in range(100):
        params = jax.tree.map(lambda weight, slope: weight - 0.05 * slope, params, slopes(params))
    assert loss(params) < begun / 4
    assert math.isfinite(loss(params))
