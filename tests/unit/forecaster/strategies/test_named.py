"""Strategies by name, as settings ask for them."""

import pytest

from forecaster.strategies import STRATEGIES, named
from tests.unit.forecaster.strategies.windows import EVERY, PARENT, apply, random_members


@pytest.mark.parametrize("strategy", EVERY, ids=lambda strategy: strategy.name)
def test_a_strategy_is_found_by_the_name_and_parameters_it_records(strategy):
    again = named(strategy.name, strategy.parameters, None)
    assert (again.name, again.parameters) == (strategy.name, strategy.parameters)


def test_an_unknown_name_is_answered_with_the_names_there_are():
    with pytest.raises(ValueError, match="'bulyan' among fedavg") as caught:
        named("bulyan", {}, None)
    assert all(name in str(caught.value) for name in STRATEGIES)


@pytest.mark.parametrize(
    ("name", "parameters", "said"),
    [
        ("fedavg", {"momentum": 0.9}, "fedavg takes no parameters, not momentum"),
        ("trimmed_mean", {"beta": 0.1}, r"trimmed_mean takes cut \(or its default\), not beta"),
        ("krum", {}, "krum takes byzantine, not none"),
        ("multi_krum", {"byzantine": 1.0}, "multi_krum takes byzantine, kept, not byzantine"),
        ("fedadam", {"learned": 1.0}, "fedadam takes learning_rate .*, not learned"),
    ],
)
def test_other_parameters_are_answered_with_those_it_takes(name, parameters, said):
    with pytest.raises(ValueError, match=said):
        named(name, parameters, None)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("trimmed_mean", {"cut": 0.5}),
        ("trimmed_mean", {"cut": -0.1}),
        ("krum", {"byzantine": -1.0}),
        ("krum", {"byzantine": 1.5}),
        ("multi_krum", {"byzantine": 1.0, "kept": 0.0}),
        ("geometric_median", {"smoothing": 0.0}),
        ("geometric_median", {"iterations": 0.0}),
        ("norm_clipping", {"norm": 0.0}),
        ("norm_clipping", {"norm": float("nan")}),
        ("private_fedavg", {"norm": -1.0, "noise_multiplier": 1.0, "delta": 1e-5, "seed": 1.0}),
        ("private_fedavg", {"norm": 1.0, "noise_multiplier": -1.0, "delta": 1e-5, "seed": 1.0}),
        ("private_fedavg", {"norm": 1.0, "noise_multiplier": 1.0, "delta": 1.0, "seed": 1.0}),
        ("private_fedavg", {"norm": 1.0, "noise_multiplier": 1.0, "delta": 1e-5, "seed": 0.5}),
        ("private_fedavg", {"norm": 1.0, "noise_multiplier": 1.0, "delta": 1e-5, "seed": 2.0**64}),
        ("krum", {"byzantine": 1e300}),
        ("geometric_median", {"iterations": 1.5}),
        ("norm_clipping", {"norm": 1e39}),
        ("fedavgm", {"learning_rate": 0.0}),
        ("fedavgm", {"momentum": 1.0}),
        ("fedavgm", {"momentum": -0.1}),
        *(
            (name, parameters)
            for name in ("fedadam", "fedyogi")
            for parameters in (
                *({"learning_rate": 0.0}, {"learning_rate": -0.1}, {"learning_rate": 1e39}),
                *({"b1": 1.0}, {"b1": -0.1}, {"b1": 1 - 1e-9}, {"b2": 1.0}, {"b2": 2.0}),
                *({"tau": 0.0}, {"tau": -1.0}, {"tau": 1e-50}),
            )
        ),
    ],
)
def test_a_value_that_a_parameter_cannot_have_is_refused(name, parameters):
    with pytest.raises(ValueError, match=r"[a-z_]+ -?[0-9.na]+"):
        named(name, parameters, None)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("strategy", EVERY, ids=lambda strategy: strategy.name)
def test_no_parameter_of_any_strategy_is_no_number_and_which_it_was_is_said(strategy, value):
    for name in strategy.parameters:
        with pytest.raises(ValueError, match=f"{name} {value} "):
            named(strategy.name, {**strategy.parameters, name: value}, None)


def test_what_is_learned_reaches_server_optimizers_and_no_one_else_minds():
    members, part = random_members(1, 4), slice(0, 2)
    mean = apply(named("fedavg", {}, part), members).weights
    weights = apply(named("fedadam", {}, part), members).weights
    assert weights[2:].tobytes() == mean[2:].tobytes()
    assert (abs(weights[:2] - PARENT[:2]) > 0).all()
    assert (weights[:2] != mean[:2]).all()
