"""How far the replay is: a live line on a terminal, a log line every few seconds elsewhere."""

import logging
import sys
import time
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.text import Text

from producers.outgoing import Outgoing
from schemas.events import Reading
from schemas.wire import iso

EVERY = 10.0  # seconds between two log lines
_log = logging.getLogger("producers")


class Progress:
    """Counts what is sent, and shows it while the ``with`` block runs."""

    def __init__(self, dataset: str, start: int) -> None:
        self._dataset, self._position, self._lap, self._moment = dataset, start, 0, 0
        self._readings = self._letters = self._since = 0
        self._shown = time.monotonic()
        console = Console(stderr=True)
        self._live = Live("", console=console, transient=False, refresh_per_second=4) if console.is_terminal else None

    def __enter__(self) -> "Progress":
        if self._live:
            self._live.start()
            for handler in logging.getLogger().handlers:
                if isinstance(handler, logging.StreamHandler):
                    handler.setStream(sys.stderr)  # while the line is live, rich prints log lines above it
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._live:
            self._live.stop()
            for handler in logging.getLogger().handlers:
                if isinstance(handler, logging.StreamHandler):
                    handler.setStream(sys.stderr)
        _log.info("stopped after %s", self.line(time.monotonic()))

    def note(self, sent: Outgoing) -> None:
        """Take in one event that was sent."""
        self._moment = sent.moment
        if isinstance(sent.event, Reading):
            self._readings += 1
            self._position, self._lap = sent.event.position, sent.event.lap
        else:
            self._letters += 1
        self._since += 1
        now = time.monotonic()
        if self._live and now - self._shown >= 1:
            self._live.update(Text(self.line(now)))
            self._reset(now)
        elif not self._live and now - self._shown >= EVERY:
            _log.info("%s", self.line(now))
            self._reset(now)

    def line(self, now: float) -> str:
        """Position, lap, event time, rate and what was refused."""
        if not self._readings + self._letters:
            return f"{self._dataset} position {self._position:,}, nothing sent: the log has it all"
        rate = self._since / max(now - self._shown, 1e-9)
        return (
            f"{self._dataset} position {self._position:,} lap {self._lap} {iso(self._moment)} "
            f"{rate:,.0f} events/s, {self._readings:,} readings and {self._letters:,} dead letters sent"
        )

    def _reset(self, now: float) -> None:
        self._shown, self._since = now, 0
