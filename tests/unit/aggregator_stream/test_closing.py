"""What a closing window decides about each of its updates."""

import numpy as np
import pytest
from immutables import Map

from aggregator_stream.fold.closing import close, pooled
from aggregator_stream.fold.membership import refusal
from aggregator_stream.fold.state import Located
from forecaster import weights
from schemas.events import HorizonError
from tests.unit.aggregator_stream.fleet import MINUTE, RULES, START, WINDOW, params, standing, update

STATE = standing(RULES, 3)


def located(*updates):
    return [Located(item, n % 4, 10 + n, item.event_time) for n, item in enumerate(updates)]


def spoiled(value):
    linear = np.array(params(1).linear)
    linear[0, 0, 0] = value
    return weights.to_bytes(params(1)._replace(linear=linear))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"architecture": "tanh-1-1"}, "architecture tanh-1-1 is not"),
        ({"base_version": 4}, "base version 4 is unknown: the newest is 3"),
        ({"example_count": 0}, "learned from nothing"),
        ({"event_time": START + WINDOW + 86_400_001}, "its clock is ahead of all others: 2004-03-05T00:30:00Z"),
        ({"weights": b"not safetensors"}, ""),
        ({"weights": spoiled(np.nan)}, "holds NaN or infinity"),
        ({"weights": spoiled(np.inf)}, "holds NaN or infinity"),
    ],
)
def test_an_update_that_cannot_be_averaged_is_rejected_with_the_reason(changes, reason):
    bad, good = update("mote-01", 1, 10, **changes), update("mote-02", 1, 10)
    said = refusal(RULES, STATE, START + WINDOW, bad)
    assert reason in said
    after, model = close(RULES, STATE, located(bad, good))
    rejected, accepted = model.contributions
    assert (rejected.outcome, rejected.coefficient, rejected.reason) == ("rejected", 0, said)
    assert (accepted.outcome, accepted.coefficient, accepted.reason) == ("accepted", 1, None)
    assert model.weights == good.weights
    assert weights.flat_to_bytes(RULES.config, after.parent.weights) == good.weights
    assert model.example_count == good.example_count


def test_a_device_counts_once_with_all_that_it_learned():
    updates = [update("mote-01", 1, 10, 6), update("mote-01", 2, 20, 4), update("mote-02", 1, 20, 30)]
    _, model = close(RULES, STATE, located(*updates))
    shares = {c.update_id: (c.outcome, c.coefficient) for c in model.contributions}
    assert shares == {
        "mote-01/1": ("superseded", 0),
        "mote-01/2": ("accepted", 0.25),
        "mote-02/1": ("accepted", 0.75),
    }
    assert model.example_count == 40


def test_a_rejected_newest_update_leaves_the_one_before():
    updates = [update("mote-01", 1, 10), update("mote-01", 2, 20, base_version=9)]
    _, model = close(RULES, STATE, located(*updates))
    assert [c.outcome for c in model.contributions] == ["accepted", "rejected"]
    assert model.weights == updates[0].weights


def test_contributions_say_where_they_lie_and_how_stale_they_are():
    _, model = close(RULES, STATE, located(update("mote-01", 1, 10, base_version=1)))
    [contribution] = model.contributions
    assert (contribution.partition, contribution.offset, contribution.staleness) == (0, 10, 2)
    assert contribution.event_time == START + 10 * MINUTE
    assert (model.version, model.parent_version, model.dataset) == (4, 3, "test")


def test_what_is_not_in_the_window_stays_pending_and_is_read_again():
    inside, outside = located(update("mote-01", 1, 10), update("mote-02", 1, 40))
    state = STATE._replace(
        pending=Map({(item.partition, item.offset): item for item in (inside, outside)}), positions={0: 11, 1: 25}
    )
    after, model = close(RULES, state, [inside])
    assert list(after.pending.values()) == [outside]
    assert model.resume_offsets == {"0": 11, "1": 11}
    assert after.window == STATE.window + 1


def test_errors_are_pooled_over_labels():
    one = (HorizonError("temperature", WINDOW, 3, 1.0, 2.0), HorizonError("light", WINDOW, 1, 5.0, 6.0))
    other = (HorizonError("temperature", WINDOW, 1, 3.0, 4.0), HorizonError("temperature", 2 * WINDOW, 2, 9.0, 8.0))
    assert pooled([one, other]) == (
        HorizonError("light", WINDOW, 1, 5.0, 6.0),
        HorizonError("temperature", WINDOW, 4, 1.5, 2.5),
        HorizonError("temperature", 2 * WINDOW, 2, 9.0, 8.0),
    )
