"""How far a download is: a bar on a terminal, a log line every few seconds elsewhere."""

import logging
import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

EVERY = 5.0  # seconds between two log lines
_log = logging.getLogger(__name__)


class Arrival:
    """Counts the bytes that come, and shows it while the ``with`` block runs.

    Args:
        name: of what is fetched.
        total: its bytes.
        have: those that an earlier attempt brought.
    """

    def __init__(self, name: str, total: int, have: int) -> None:
        self._name, self._total, self._first, self._have = name, total, have, have
        self._began = self._shown = time.monotonic()
        console = Console(stderr=True)
        columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=console, transient=True) if console.is_terminal else None
        self._task = self._bar.add_task(name, total=total, completed=have) if self._bar else None

    def __enter__(self) -> "Arrival":
        if self._bar:
            self._bar.start()
        else:
            _log.info("downloading %s, %.1f MB", self._name, self._total / 1e6)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._bar:
            self._bar.stop()

    def note(self, count: int) -> None:
        """Take in that so many bytes more have come."""
        self._have += count
        if self._bar and self._task is not None:
            self._bar.advance(self._task, count)
            return
        now = time.monotonic()
        if now - self._shown >= EVERY:
            _log.info("%s", self.line(now))
            self._shown = now

    def line(self, now: float) -> str:
        """Bytes, share, rate and time left, in megabytes and seconds."""
        rate = (self._have - self._first) / max(now - self._began, 1e-9)
        left = f"{(self._total - self._have) / rate:.0f} s left" if rate else "nothing comes"
        megabytes = f"{self._have / 1e6:.1f} of {self._total / 1e6:.1f} MB"
        return f"{megabytes} ({self._have / self._total:.0%}), {rate / 1e6:.2f} MB/s, {left}"
