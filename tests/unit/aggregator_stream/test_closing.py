"""What a closing window decides about each of its updates."""

import numpy as np
import pytest
from immutables import Map

from aggregator_stream.fold.closing import BEYOND, close, pooled
from aggregator_stream.fold.membership import refusal
from aggregator_stream.fold.state import Located
from forecaster import knowledge, weights
from forecaster.strategies import named
from schemas.events import HorizonError
from tests.unit.aggregator_stream.fleet import (
    MINUTE,
    RULES,
    START,
    WINDOW,
    fold,
    params,
    restored,
    standing,
    update,
    written,
)

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


FAST = RULES._replace(partitions=1, strategy=named("fedavgm", {"learning_rate": 1e38}, knowledge.learned(RULES.config)))
SLOW = FAST._replace(strategy=named("fedavgm", {"learning_rate": 0.5}, knowledge.learned(RULES.config)))


def test_what_a_strategy_makes_that_nobody_could_stand_on_is_never_published():
    """A step of such a rate is infinite: the model stands, the event says why, and another rate goes on from there."""
    log = written([(update("mote-01", n, 30 * n), 30 * n) for n in range(1, 7)], 1)[0]
    _, models = fold(standing(FAST, 0), log[: len(log) // 2], FAST)
    assert len(models) > 1
    for model in models:
        assert (model.promotion, model.reason, model.notes) == ("unchanged", BEYOND, {})
        assert [(c.outcome, c.reason) for c in model.contributions] == [("rejected", BEYOND)]
        assert model.weights == weights.to_bytes(knowledge.initial(RULES.config))
    state = restored(SLOW, models)
    _, after = fold(state, [record for record in log if record.offset >= state.positions.get(0, 0)], SLOW)
    assert {model.promotion for model in after} == {"promoted"}
    assert [model.version for model in after] == list(range(len(models) + 1, len(models) + 1 + len(after)))
