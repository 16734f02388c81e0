"""The window fold at work: a record in, its models out and acknowledged, and only then the new state."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from aggregator_stream.catalogue import Placed
from aggregator_stream.fold.commands import CommandError, passed
from aggregator_stream.fold.state import Located, Mark, Order, Record, Rules, Skipped, Windows
from aggregator_stream.fold.windows import step
from aggregator_stream.http.board import Board
from schemas.events import GlobalModel
from schemas.log_lines import handling
from schemas.wire import iso, place_id

logger = logging.getLogger(__name__)

Send = Callable[[GlobalModel], Awaitable[tuple[int, int]]]
"""Writes a model; returns its partition and offset once Kafka has acknowledged it."""


class Aggregation:
    """The state of the fold, and what the API shows of it (``board``).

    ``passing`` is told of every step that is done: ``closed``, ``sent``, ``taken`` (see ``app``).
    """

    def __init__(self, rules: Rules, state: Windows, board: Board, send: Send, passing: Callable[[str], None]) -> None:
        self.rules, self.state, self.board = rules, state, board
        self._send, self._passing = send, passing
        self._one_at_a_time = asyncio.Lock()

    async def take(self, record: Record) -> None:
        """Fold the next record.

        Raises:
            CommandError: a command that cannot be obeyed; it is behind us all the same.
        """
        async with self._one_at_a_time:
            with handling(_event_id(record)):
                await self._take(record)

    async def _take(self, record: Record) -> None:
        begun = time.monotonic()
        try:
            if self.rules.gather:
                # It waits for workers, and this process must be heard from meanwhile.
                state, models = await asyncio.to_thread(step, self.rules, self.state, record)
            else:
                state, models = step(self.rules, self.state, record)
        except CommandError:
            assert isinstance(record, Order)
            self.state = passed(self.state, record)
            raise
        seconds = time.monotonic() - begun
        if models:
            self._passing("closed")
        for model in models:
            where = await self._send(model)
            self.board.closed(Placed(model, *where), seconds / len(models))
            shares = sum(c.coefficient > 0 for c in model.contributions)
            logger.info("version %d: window to %s, %d contributors", model.version, iso(model.window_end), shares)
        if models:
            self._passing("sent")
        self.state = state
        self.board.folded(len(state.pending), state.newest)
        self._passing("taken")

    @property
    def marked(self) -> bool:
        """Whether some writer vouches for watermarks; then it does so in every partition."""
        return any(clock.marked for clock in self.state.clocks.values())


def _event_id(record: Record) -> str | None:
    match record:
        case Located(update):
            return update.update_id
        case Order(command):
            return command.command_id
        case Mark(partition, offset) | Skipped(partition, offset):
            return place_id("local_updates", partition, offset)
    return None
