"""The fold at work: what is sent when, and where it goes on if that fails."""

import asyncio

import pytest

from aggregator_stream.aggregation import Aggregation
from aggregator_stream.fold.restore import beginning
from aggregator_stream.fold.state import End, Located
from aggregator_stream.http.board import Board
from tests.unit.aggregator_stream.fleet import RULES, fold, update

TWO = RULES._replace(partitions=2)
RECORDS = [Located(update("mote-01", n, 30 * n), 1, n - 1) for n in range(1, 9)]


def test_the_state_is_that_behind_the_last_model_that_the_log_has_taken():
    expected = fold(beginning(TWO), [*RECORDS, End(0, 0)], TWO)[1]
    on_log, steps = [], []

    async def send(model):
        if model.version == 3 and "refused" not in steps:
            steps.append("refused")
            raise OSError("Kafka is away")
        on_log.append(model)
        return 0, len(on_log)

    aggregation = Aggregation(TWO, beginning(TWO), Board(), send, steps.append)

    async def all_of_it():
        for record in RECORDS:
            await aggregation.take(record)
        steps.clear()
        with pytest.raises(OSError, match="away"):
            await aggregation.take(End(0, 0))
        assert (aggregation.state.version, on_log) == (2, expected[:2])
        assert steps == ["closed", "sent", "closed", "sent", "closed", "refused"]
        await aggregation.take(End(0, 0))

    asyncio.run(all_of_it())
    assert on_log == expected
    assert len(expected) == 7
    assert steps[6:] == ["closed", "sent"] * 5 + ["taken"]
