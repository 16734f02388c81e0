"""How fast each task goes and how far behind it is."""

import time
from collections import defaultdict
from collections.abc import Mapping
from threading import Lock


class Meter:
    """Records and lag by task and topic; workers write, the main thread reads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._lags: dict[str, Mapping[str, int]] = {}
        self._letters: dict[str, int] = {}
        self._since = time.monotonic()

    def add(self, task: str, topic: str, records: int) -> None:
        """Count records that are written and committed."""
        with self._lock:
            self._counts[task, topic] += records

    def lag(self, task: str, records: Mapping[str, int]) -> None:
        """Note how many records of each topic are still to come."""
        with self._lock:
            self._lags[task] = records

    def letters(self, task: str, count: int) -> None:
        """Note how many records the task could not digest since it was started."""
        with self._lock:
            self._letters[task] = count

    def line(self) -> str:
        """What happened since the last line."""
        with self._lock:
            now = time.monotonic()
            seconds, self._since = max(now - self._since, 1e-9), now
            parts = [
                f"{task} {topic} {self._counts[task, topic] / seconds:.0f}/s lag {lag}"
                for task, lags in sorted(self._lags.items())
                for topic, lag in sorted(lags.items())
                if lag or self._counts[task, topic]
            ]
            parts += [f"{task} undigested {count}" for task, count in sorted(self._letters.items()) if count]
            self._counts.clear()
        return " · ".join(parts) or "nothing new"
