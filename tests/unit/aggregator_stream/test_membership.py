"""Which updates count in a window, and how much."""

import numpy as np
import pytest

from aggregator_stream.fold.closing import close
from aggregator_stream.fold.membership import choose, refusal, staleness, summands
from aggregator_stream.fold.state import Located, Standing
from forecaster import weights
from schemas.events import HorizonError
from tests.unit.aggregator_stream.fleet import RULES, START, WINDOW, standing, update
from tests.unit.forecaster.series import TINY
from tests.unit.schemas.avro import avro

END = START + WINDOW
STATE = standing(RULES, 10)


def located(*updates):
    return [Located(item, n % 4, 10 + n, item.event_time) for n, item in enumerate(updates)]


def discounts(*updates, rules=RULES):
    chosen = choose(rules, STATE, END, located(*updates))
    return {summand.update_id: summand.discount for _, summand in summands(rules, STATE.standing, chosen)}


def test_an_update_counts_less_the_staler_it_is_beside_the_freshest():
    """(1 + s)^-1/2 over that of the freshest, which is two versions behind as a model takes a while to be adopted."""
    fleet = [update(f"mote-{d:02}", 1, 10, base_version=base) for d, base in ((1, 8), (2, 8), (3, 7), (4, 2))]
    assert discounts(*fleet) == pytest.approx(
        {"mote-01/1": 1, "mote-02/1": 1, "mote-03/1": (4 / 3) ** -0.5, "mote-04/1": (9 / 3) ** -0.5}
    )
    assert set(discounts(*fleet, rules=RULES._replace(staleness_exponent=0.0)).values()) == {1.0}


def test_shares_are_by_discounted_examples():
    fresh, stale = update("mote-01", 1, 10, 30, base_version=8), update("mote-02", 1, 10, 10, base_version=2)
    _, model = close(RULES, STATE, located(fresh, stale))
    one, other = model.contributions
    weight = 10 * (9 / 3) ** -0.5
    assert (one.staleness, other.staleness) == (2, 8)
    assert (one.coefficient, other.coefficient) == pytest.approx((30 / (30 + weight), weight / (30 + weight)))
    expected = np.average(
        [weights.flat_from_bytes(TINY, item.weights) for item in (fresh, stale)], axis=0, weights=[30, weight]
    )
    np.testing.assert_allclose(weights.flat_from_bytes(TINY, model.weights), expected, rtol=1e-6, atol=1e-7)


def test_an_update_past_the_bound_is_rejected_with_the_reason():
    rules = RULES._replace(staleness_bound=8)
    assert refusal(rules, STATE, END, update("mote-01", 1, 10, base_version=2)) is None
    assert refusal(rules, STATE, END, update("mote-01", 1, 10, base_version=1)) == "stale by 9 versions, more than 8"


def test_versions_that_nobody_stood_on_make_nobody_stale():
    """Long pinned to 2, the fleet goes on to 60: who stands on 2 is one behind, and who stands on 1 is 59."""
    standing = Standing(60, 2)
    found = [staleness(standing, update("mote-01", 1, 10, base_version=base)) for base in (60, 59, 2, 1, 61)]
    assert found == [0, 1, 1, 59, 0]


def spoiled(number):
    numbers = weights.flat_from_bytes(TINY, update("mote-01", 1, 10).weights).copy()
    numbers[3] = number
    return weights.flat_to_bytes(TINY, numbers)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"base_version": -(2**63)}, "base version -9223372036854775808 is unknown"),
        ({"example_count": 2**63 - 1}, "learned from more than there is"),
        ({"errors": (HorizonError("temperature", WINDOW, 2**63 - 1, 0.5, 1.0),)}, "reports errors that are no numbers"),
        ({"errors": (HorizonError("x" * 10**6, WINDOW, 1, 0.5, 1.0),)}, "reports errors that are no numbers"),
        ({"errors": (HorizonError("light", WINDOW, 1, 0.5, 1.0),) * 101}, "reports errors that are no numbers"),
        ({"architecture": "x" * 10**6}, "architecture " + "x" * 200 + " is not"),
        ({"weights": spoiled(1e7)}, "weights hold more than 1048576"),
        ({"weights": spoiled(-1e7)}, "weights hold more than 1048576"),
    ],
)
def test_what_the_models_event_could_not_hold_is_refused_in_short_and_the_event_can_be_written(changes, said):
    bad = update("mote-01", 1, 10, **changes)
    assert said in refusal(RULES, STATE, END, bad)
    _, model = close(RULES, STATE, located(bad, update("mote-02", 1, 10)))
    assert [c.outcome for c in model.contributions] == ["rejected", "accepted"]
    assert 0 < len(avro(model)) < 2**16 + 3 * len(model.weights)


@pytest.mark.parametrize("error", [(-1, 0.5, 1.0), (2, float("nan"), 1.0), (2, 0.5, float("inf"))])
def test_errors_that_are_no_numbers_do_not_get_into_the_fleets(error):
    bad = update("mote-01", 1, 10, errors=(HorizonError("temperature", WINDOW, *error),))
    assert refusal(RULES, STATE, END, bad) == "reports errors that are no numbers"


def test_a_window_with_too_few_contributors_lets_the_model_stand_and_says_so():
    rules = RULES._replace(min_contributors=3)
    few = [update("mote-01", 1, 10), update("mote-01", 2, 20), update("mote-02", 1, 10)]
    bad = update("mote-03", 1, 10, architecture="tanh-1-1")
    after, model = close(rules, STATE, located(*few, bad))
    assert (model.promotion, model.reason) == ("unchanged", "too few contributors: 2 of 3")
    assert model.weights == weights.flat_to_bytes(TINY, STATE.parent.weights)
    assert (model.version, after.version, model.example_count) == (11, 11, 0)
    outcomes = {c.update_id: (c.outcome, c.coefficient, c.reason) for c in model.contributions}
    assert outcomes["mote-01/1"] == ("superseded", 0, None)
    assert outcomes["mote-01/2"] == outcomes["mote-02/1"] == ("rejected", 0, "too few contributors: 2 of 3")
    assert outcomes["mote-03/1"][0] == "rejected"
    enough = close(rules, STATE, located(*few, update("mote-03", 1, 10)))[1]
    assert (enough.promotion, enough.reason, enough.example_count) == ("promoted", None, 24)


def test_a_window_whose_updates_were_all_refused_has_no_contributors():
    _, model = close(RULES, STATE, located(update("mote-01", 1, 10, base_version=11)))
    assert (model.promotion, model.reason) == ("unchanged", "no contributors")
    assert model.contributions[0].reason == "base version 11 is unknown: the newest is 10"
