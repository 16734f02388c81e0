"""What the aggregator tells the API: it writes here, the API reads, both on one event loop."""

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram

from aggregator_stream.catalogue import Catalogue, Placed, extended
from schemas.events import GlobalModel, LocalUpdate

Submit = Callable[[LocalUpdate], Awaitable[tuple[int, int]]]
"""Writes an update to ``local_updates``; returns partition and offset once Kafka has acknowledged it.

Raises:
    LogUnavailableError: Kafka refuses.
"""
Fetch = Callable[[int, int], GlobalModel]
"""Reads the event at a partition and offset of ``global_models``; it may block: it is called in a thread of its own.

Raises:
    LogUnavailableError: Kafka does not give it.
"""
# Bounds of the histogram's buckets, s.
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)


class LogUnavailableError(Exception):
    """Kafka did not do what it was asked, or not in time."""


class Board:
    """The aggregator's state as far as the API shows it.

    Attributes:
        catalogue: of all versions.
        pending: updates that no window has decided.
        newest: newest event time of an update, ms; 0 before the first.
        sequences: newest sequence read of each device.
        closed_at: when the newest version was made, seconds of ``time.monotonic``; ``None`` if not by this process.
        registry: of this process's own metrics; what can be told from the rest is not in it.
    """

    def __init__(self) -> None:
        self.catalogue = Catalogue()
        self.pending = 0
        self.newest = 0
        self.sequences: Mapping[str, int] = {}
        self._posted: dict[str, int] = {}
        self.closed_at: float | None = None
        self.registry = CollectorRegistry()
        self.requests = Counter("fedlog_http_requests", "Answers.", ("route", "status"), registry=self.registry)
        self._parts = Counter(
            "fedlog_window_parts", "Parts of windows by who summed them up.", ("by",), registry=self.registry
        )
        self._seconds = Histogram(
            "fedlog_aggregation_seconds",
            "From a window's last record to its model.",
            buckets=SECONDS,
            registry=self.registry,
        )

    def gathered(self, by: str) -> None:
        """A part of a window has been summed up ``by`` a ``worker`` or ``here``."""
        self._parts.labels(by).inc()

    def restored(self, events: Iterable[Placed]) -> None:
        """All models on the log when the aggregator starts."""
        self.catalogue = extended(self.catalogue, events)

    def closed(self, placed: Placed, seconds: float) -> None:
        """A window's model is on the log; deciding it took ``seconds``."""
        self.catalogue = extended(self.catalogue, [placed])
        self.closed_at = time.monotonic()
        self._seconds.observe(seconds)

    def folded(self, pending: int, newest: int, sequences: Mapping[str, int] | None = None) -> None:
        """A record has been taken: updates that are pending now, the newest event time, ms, and devices' sequences."""
        self.pending, self.newest = pending, newest
        self.sequences = self.sequences if sequences is None else sequences

    def overtaken(self, device_id: str, sequence: int) -> int | None:
        """The newer sequence of a device that is on the log or on its way there, for which the fold would drop this.

        Where there is none, this one is on its way from now on.
        """
        newest = max(self._posted.get(device_id, 0), self.sequences.get(device_id, 0))
        if sequence < newest:
            return newest
        self._posted[device_id] = sequence
        return None

    @property
    def lag_s(self) -> float | None:
        """Event time from the end of the newest window to the newest update, s; ``None`` while one is unknown."""
        version = self.catalogue.newest
        return (self.newest - version.event.window_end) / 1000 if version and self.newest else None
