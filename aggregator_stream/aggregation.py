"""The window fold at work: a record in, its models out and acknowledged one by one, each before its state is taken."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator

from aggregator_stream.catalogue import Placed
from aggregator_stream.fold.clocks import marked
from aggregator_stream.fold.commands import CommandError, passed
from aggregator_stream.fold.state import Located, Mark, Order, Record, Rules, Skipped, Windows
from aggregator_stream.fold.windows import steps
from aggregator_stream.http.board import Board
from schemas.events import GlobalModel
from schemas.log_lines import handling
from schemas.wire import iso, place_id

logger = logging.getLogger(__name__)

Send = Callable[[GlobalModel], Awaitable[tuple[int, int]]]
"""Writes a model; returns its partition and offset once Kafka has acknowledged it."""
Stepped = tuple[Windows, GlobalModel | None, float]


class Aggregation:
    """The state of the fold, and what the API shows of it (``board``).

    ``passing`` is told of every step that is done: ``closed``, ``sent``, ``taken`` (see ``app``).
    """

    def __init__(self, rules: Rules, state: Windows, board: Board, send: Send, passing: Callable[[str], None]) -> None:
        self.rules, self.state, self.board = rules, state, board
        self._send, self._passing = send, passing
        self._one_at_a_time = asyncio.Lock()
        board.folded(len(state.pending), board.newest, state.sequences)

    async def take(self, record: Record) -> None:
        """Fold the next record.

        Raises:
            CommandError: a command that cannot be obeyed; it is behind us all the same.
        """
        async with self._one_at_a_time:
            with handling(_event_id(record)):
                await self._take(record)

    async def _take(self, record: Record) -> None:
        left = steps(self.rules, self.state, record)
        try:
            while stepped := await self._next(left):
                state, model, seconds = stepped
                if model:
                    self._passing("closed")
                    await self._sent(model, seconds)
                    self._passing("sent")
                self.state = state
        except CommandError:
            assert isinstance(record, Order)
            self.state = passed(self.state, record)
            raise
        self.board.folded(len(self.state.pending), self.state.newest, self.state.sequences)
        self._passing("taken")

    async def _next(self, left: Iterator[tuple[Windows, GlobalModel | None]]) -> Stepped | None:
        """The next of the steps, and the seconds that it took; ``None`` behind the last."""
        begun = time.monotonic()
        # Where it waits for workers, this process must be heard from meanwhile.
        found = await asyncio.to_thread(next, left, None) if self.rules.gather else next(left, None)
        return (*found, time.monotonic() - begun) if found else None

    async def _sent(self, model: GlobalModel, seconds: float) -> None:
        where = await self._send(model)
        self.board.closed(Placed(model, *where), seconds)
        shares = sum(c.coefficient > 0 for c in model.contributions)
        logger.info("version %d: window to %s, %d contributors", model.version, iso(model.window_end), shares)

    @property
    def marked(self) -> bool:
        """Whether some writer vouches for watermarks; then it does so in every partition."""
        return marked(self.state)


def _event_id(record: Record) -> str | None:
    match record:
        case Located(update):
            return update.update_id
        case Order(command):
            return command.command_id
        case Mark(partition, offset) | Skipped(partition, offset):
            return place_id("local_updates", partition, offset)
    return None
