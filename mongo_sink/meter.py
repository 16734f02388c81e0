"""How fast each task goes and how far behind it is: a line in the log now and then, and metrics for Prometheus."""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from threading import Lock

from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server

HOST = "127.0.0.1"
LOOK_SECONDS = 1.0  # an eighth of the sink's time went into looking after every batch


class Meter:
    """Records and lag by task and topic; workers write, the main thread reads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._lags: dict[str, Mapping[str, int]] = {}
        self._looks: dict[str, float] = {}
        self._letters: dict[str, int] = {}
        self._failed: set[str] = set()
        self._since = time.monotonic()
        self.registry = CollectorRegistry()
        self._records = Counter("fedlog_sink_records", "Taken from the log.", ["task", "topic"], registry=self.registry)
        self._lag = Gauge("fedlog_sink_lag", "Records still to come.", ["task", "topic"], registry=self.registry)
        self._undigested = Gauge(
            "fedlog_sink_undigested", "Dead letters since the start.", ["task"], registry=self.registry
        )
        self._ended = Gauge("fedlog_sink_failed", "1: ended with an error.", ["task"], registry=self.registry)

    def serve(self, port: int) -> None:
        """Show the metrics on a port of loopback."""
        start_http_server(port, HOST, self.registry)

    def add(self, task: str, topic: str, records: int) -> None:
        """Count records that are written and committed."""
        with self._lock:
            self._counts[task, topic] += records
        self._records.labels(task, topic).inc(records)

    def lag(self, task: str, look: Callable[[], Mapping[str, int]]) -> None:
        """Note how many records of each topic are still to come, unless that was looked at just now."""
        now = time.monotonic()
        if now < self._looks.get(task, 0.0):
            return
        self._looks[task] = now + LOOK_SECONDS
        records = look()
        with self._lock:
            self._lags[task] = records
        for topic, lag in records.items():
            self._lag.labels(task, topic).set(lag)

    def letters(self, task: str, count: int) -> None:
        """Note how many records the task could not digest since it was started."""
        with self._lock:
            self._letters[task] = count
        self._undigested.labels(task).set(count)

    def failed(self, task: str, *, is_so: bool) -> None:
        """Note whether the task has ended with an error of its own; its other numbers stay where they were."""
        with self._lock:
            self._failed |= {task} if is_so else set()
        self._ended.labels(task).set(is_so)

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
            parts += [f"{task} HAS FAILED" for task in sorted(self._failed)]
            self._counts.clear()
        return " · ".join(parts) or "nothing new"
