"""Every model can be made again from its event; whatever is changed in one shows."""

import numpy as np
import pytest
from hypothesis import given, settings

from aggregator_stream.fold.restore import beginning
from aggregator_stream.fold.verification import Chain, verify
from forecaster import knowledge, weights
from forecaster.strategies import named
from tests.unit.aggregator_stream.fleet import RULES, fold, merged, update, written
from tests.unit.aggregator_stream.test_windows import fleets, logged
from tests.unit.forecaster.series import TINY

ROWS = [(f"mote-{d:02}", n, 30 * n - d, 6) for n in range(1, 9) for d in range(1, 6)]


def made(rows=ROWS, rules=RULES):
    """The models of a log, and its updates by place."""
    log = logged(rows)
    places = {(r.partition, r.offset): r.update for part in log for r in part if hasattr(r, "update")}
    return fold(beginning(rules), merged(log, []), rules)[1], places


def checked(models, places):
    chain, found = Chain(), {}
    for model in models:
        chain, wrong = verify(TINY, chain, model, places)
        found |= {model.version: wrong} if wrong else {}
    return found


@settings(max_examples=30, deadline=None)
@given(fleets())
def test_every_version_is_what_its_members_give(rows):
    models, places = made(rows)
    assert models
    assert checked(models, places) == {}


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("fedavg", {}),
        ("fedadam", {}),
        ("median", {}),
        ("multi_krum", {"byzantine": 1, "kept": 2}),
        ("private_fedavg", {"norm": 1, "noise_multiplier": 1, "delta": 1e-5, "seed": 0}),
    ],
)
def test_every_version_is_what_its_members_give_under_every_kind_of_strategy(name, parameters):
    rules = RULES._replace(strategy=named(name, parameters, knowledge.learned(TINY)), min_contributors=3)
    models, places = made(rules=rules)
    assert len(models) >= 6
    assert {model.strategy for model in models} == {name}
    assert checked(models, places) == {}


def spoiled(model):
    """One bit of one weight flipped."""
    numbers = np.array(weights.flat_from_bytes(TINY, model.weights))
    numbers.view(np.uint32)[17] ^= 1
    return model._replace(weights=weights.flat_to_bytes(TINY, numbers))


def with_contribution(model, **changes):
    return model._replace(contributions=(model.contributions[0]._replace(**changes), *model.contributions[1:]))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (spoiled, "weights is not"),
        (lambda model: with_contribution(model, coefficient=0.5), "contributions is not"),
        (lambda model: with_contribution(model, offset=0), "is not at"),
        (lambda model: model._replace(contributions=model.contributions[1:]), "weights is not"),
        (lambda model: model._replace(strategy="alchemy"), "alchemy"),
        (lambda model: model._replace(rules={"luck": 1.0}), "luck"),
        (lambda model: model._replace(architecture="tanh-1"), "architecture tanh-1"),
        (lambda model: model._replace(window_start=model.window_start - 1_800_000), "before the last ends"),
        (lambda model: model._replace(example_count=0), "example_count is not"),
    ],
)
def test_what_has_been_changed_shows(change, said):
    models, places = made()
    found = checked([*models[:3], change(models[3]), *models[4:]], places)
    assert said in " ".join(found[4])


def test_a_missing_version_shows():
    models, places = made()
    assert "version 3 is missing" in checked([*models[:2], *models[3:]], places)[4][0]


def test_an_update_in_two_windows_shows():
    models, places = made()
    twice = models[3]._replace(contributions=(*models[3].contributions, models[1].contributions[0]))
    assert "was decided by version 2 already" in checked([*models[:3], twice], places)[4][0]


def test_an_update_written_twice_is_verified_where_it_was_counted():
    rows = [(update("mote-01", 1, 20), 20), (update("mote-01", 1, 20), 21), (update("mote-01", 2, 50), 50)]
    log = written(rows, 1)
    one = RULES._replace(partitions=1)
    _, models = fold(beginning(one), log[0], one)
    places = {(r.partition, r.offset): r.update for r in log[0] if hasattr(r, "update")}
    assert checked(models, places) == {}
