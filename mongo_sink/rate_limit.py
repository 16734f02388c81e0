"""``rate.limiting.timeout`` and ``rate.limiting.every.n``: a pause after every so many batches of a topic."""

from threading import Event as Signal


class RateLimit:
    """Counts batches.

    Args:
        timeout_ms: the pause's length.
        every: batches between two pauses; 0: none.
        stopping: ends a pause.
    """

    def __init__(self, timeout_ms: int, every: int, stopping: Signal) -> None:
        self._seconds, self._every, self._stopping = timeout_ms / 1000, every, stopping
        self._batches = 0

    def batch_written(self) -> None:
        """Count a batch; pause if it is its turn."""
        self._batches += 1
        if self._every and self._seconds and self._batches % self._every == 0:
            self._stopping.wait(self._seconds)
