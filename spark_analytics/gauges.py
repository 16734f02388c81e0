"""What the streaming evaluator shows on its metrics port, in Prometheus' format, on loopback."""

import logging
import time
from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server

from spark_analytics.choice import Pin

logger = logging.getLogger(__name__)

HOST = "127.0.0.1"
SAY_S = 10


class Gauges:
    """Of one process; a line in the log now and then."""

    def __init__(self, port: int) -> None:
        registry = CollectorRegistry()
        self.version = Gauge("fedlog_evaluator_model_version", "Version that forecasts.", registry=registry)
        self.followed = Gauge("fedlog_evaluator_followed_version", "Newest version on the log.", registry=registry)
        self.age = Gauge(
            "fedlog_evaluator_model_age_seconds",
            "Event time from the end of the newest model's window to the newest forecast; NaN without a model.",
            registry=registry,
        )
        self.stale = Gauge("fedlog_evaluator_model_stale", "1 where that is more than is allowed.", registry=registry)
        self.batches = Gauge("fedlog_evaluator_batch", "Number of the newest micro-batch.", registry=registry)
        self.seconds = Gauge("fedlog_evaluator_batch_at_seconds", "When it ended, Unix time.", registry=registry)
        self.events = Counter("fedlog_evaluator_events", "Written, by topic.", ["topic"], registry=registry)
        self.wanted, self.newest = Pin(0, 0, 0, 0), 0
        self.said, self.sent = time.monotonic(), 0
        start_http_server(port, HOST, registry)

    def follow(self, wanted: Pin, letters: int) -> None:
        """After a look at ``global_models``.

        Args:
            wanted: what the next micro-batch is to forecast with.
            letters: dead letters written, for models that cannot be used.
        """
        self.followed.set(wanted.followed)
        self.events.labels("dead_letters").inc(letters)
        self.wanted = wanted
        self._age()

    def batch(self, pin: Pin, number: int, sent: Mapping[str, int], newest: int) -> None:
        """After a micro-batch.

        Args:
            pin: what it forecast with.
            number: its own.
            sent: events by topic.
            newest: event time of its newest prediction, ms; 0 where it made none.
        """
        self.version.set(pin.version)
        self.batches.set(number)
        self.seconds.set_to_current_time()
        for topic, count in sent.items():
            self.events.labels(topic).inc(count)
        self.newest = newest or self.newest
        self._age()
        self.sent += sum(sent.values())
        if time.monotonic() - self.said > SAY_S:
            logger.info("batch %d: version %d, %d events sent", number, pin.version, self.sent)
            self.said, self.sent = time.monotonic(), 0

    def _age(self) -> None:
        """Of the newest model, which may be newer than the one that a micro-batch has just forecast with."""
        pin = self.wanted
        if not pin.version:
            self.age.set(float("nan"))
        elif self.newest:
            age = self.newest - pin.window_end
            self.age.set(age / 1000)
            self.stale.set(bool(pin.stale_after_ms) and age > pin.stale_after_ms)
