"""What a sink task is, in the terms of Kafka Connect."""

from collections.abc import Callable, Mapping, Sequence
from threading import Event as Signal
from typing import Any, NamedTuple, Protocol

from mongo_sink.positions import Place, Positions
from schemas.codec import Row
from schemas.wire import Origin

Properties = Mapping[str, str | int]


class SinkRecord(NamedTuple):
    """A record, and its fields as Avro has them; a tombstone has none."""

    origin: Origin
    value: bytes
    fields: Row | None


class SinkTaskContext(NamedTuple):
    """What the worker lends a task.

    ``report(origin, value, error)`` takes the records that the task cannot digest (Connect's errant record reporter);
    it raises the error where ``errors.tolerance`` is ``none``. ``stopping`` is set when waiting for a server must end.
    """

    report: Callable[[Origin, bytes, Exception], None]
    stopping: Signal


class SinkTask(Protocol):
    """Writes records somewhere; writing them again, or in smaller batches, changes nothing."""

    @property
    def server_seconds(self) -> float:
        """How long a server has been at it, where there is one."""

    def start(self, config: Properties) -> None:
        """Open what the connector's properties name."""

    def open(self, places: Sequence[Place]) -> Positions:
        """Take partitions; say where each goes on, and nothing of one that is to be read from its beginning."""

    def converted(self, records: Sequence[SinkRecord]) -> Any:
        """What ``put`` takes. It asks no server: the batch before may still be on its way."""

    def put(self, converted: Any) -> None:
        """Take a batch; may hold it back until ``flush``."""

    def flush(self) -> None:
        """Return when everything ``put`` took would survive a crash."""

    def pre_commit(self, positions: Positions) -> None:
        """Return when the view remembers that it holds the log up to here; ``open`` says it again."""

    def stop(self) -> None:
        """Close what ``start`` opened."""


class StoppedWaitingError(Exception):
    """The sink was told to stop while a server was away; nothing of the batch counts as written."""
