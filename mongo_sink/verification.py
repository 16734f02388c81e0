"""Views held against a fresh replay of the same stretch of the log."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event as Signal

from confluent_kafka.admin import AdminClient

from mongo_sink import views, whose_log
from mongo_sink.comparison import Compared, compared
from mongo_sink.config import ConnectorConfig
from mongo_sink.replay import Span, build, spans_of, wait_until_empty
from mongo_sink.task import Properties

BESIDE = "_verify"


def verify(connectors: Sequence[Properties], bootstrap: str, registry: str, stopping: Signal) -> list[Compared]:
    """Build every view again beside itself, from what it says that it holds, and compare document by document.

    Raises:
        SinkRunningError: the sink runs, which would write meanwhile.
        OtherLogError: a view is of another log.
        StoppedWaitingError: told to stop before the end.
    """
    log = whose_log.log_of(AdminClient({"bootstrap.servers": bootstrap}))
    for properties in connectors:
        wait_until_empty(bootstrap, ConnectorConfig.of(properties).group)
        whose_log.check(properties, log)
    spans = [held(properties, spans_of(properties, bootstrap)) for properties in connectors]
    with tempfile.TemporaryDirectory(prefix="fedlog-verify-") as folder, beside(connectors, Path(folder)) as copies:
        build(copies, spans, bootstrap, registry, stopping, apart=True, title="verify")
        return [
            found
            for properties, copy, own in zip(connectors, copies, spans, strict=True)
            for found in compared(properties, copy, {(span.topic, span.partition): span.end for span in own})
        ]


def held(properties: Properties, spans: Sequence[Span]) -> list[Span]:
    """The part of the spans that the view says it holds."""
    ends = views.held(properties, [(span.topic, span.partition) for span in spans])
    return [span._replace(end=max(span.start, ends.get((span.topic, span.partition), 0))) for span in spans]


@contextmanager
def beside(connectors: Sequence[Properties], folder: Path) -> Iterator[list[Properties]]:
    """The connectors with views of their own, which are dropped after the block."""
    copies = [
        views.elsewhere(each, f"{each.get('database')}{BESIDE}", folder / str(each["name"])) for each in connectors
    ]
    try:
        yield copies
    finally:
        for copy in copies:
            views.clear(copy)
