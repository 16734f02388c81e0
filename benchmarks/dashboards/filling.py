"""Events into the views by the sink's own tasks, without a log between: what they convert, fold and write is theirs."""

from collections import Counter
from collections.abc import Iterable, Iterator
from io import BytesIO
from itertools import islice
from threading import Event as Signal
from typing import Any

from fastavro import parse_schema, schemaless_reader, schemaless_writer

from benchmarks.dashboards.history import partition_of
from infra.settings import Settings
from mongo_sink import connector_files
from mongo_sink.config import ConnectorConfig
from mongo_sink.task import Properties, SinkRecord, SinkTask, SinkTaskContext
from mongo_sink.worker import TASKS
from schemas.codec import plain
from schemas.events import Event, Prediction, Reading
from schemas.topics import TOPIC_OF, TOPICS
from schemas.wire import Origin, key_of, timestamp_of

LATENCY_MS = 1_500
"""By which every forecast's record says that it is later than its bin's end."""
AT_ONCE = 50_000
"""Events that a task gets at a time: roll-ups are read and written once for all of them."""


class View:
    """The views of one database, filled as the sink fills them.

    Args:
        settings: where MongoDB is, and the database's name.
    """

    def __init__(self, settings: Settings) -> None:
        mongo: Properties = {"connection.uri": settings.mongo_uri, "database": settings.database}
        files: Properties = {"models.directory": str(settings.models)}
        given = {"MongoSinkConnector": mongo, "RollUpSinkConnector": mongo, "ModelFileSinkConnector": files}
        self._tasks: list[tuple[tuple[str, ...], SinkTask]] = []
        for properties in connector_files.load(connector_files.CONNECTORS, given):
            connector = ConnectorConfig.of(properties)
            if connector.connector_class != "ModelFileSinkConnector":
                task: SinkTask = TASKS[connector.connector_class](SinkTaskContext(_refused, Signal()))
                task.start(properties)
                self._tasks.append((connector.topics, task))
        self._next: Counter[tuple[str, int]] = Counter()
        self._schemas = {topic: parse_schema(TOPICS[topic].schema) for topic in TOPICS}

    def take(self, events: Iterable[Event]) -> Iterator[int]:
        """Write events of one topic; yields how many, time and again.

        Raises:
            Exception: what a task cannot digest, none of which there should be.
        """
        left = iter(events)
        while records := [self._record(event) for event in islice(left, AT_ONCE)]:
            for topics, task in self._tasks:
                if records[0].origin.topic in topics:
                    task.put(task.converted(records))
            yield len(records)

    def close(self) -> None:
        """Disconnect."""
        for _, task in self._tasks:
            task.stop()

    def _record(self, event: Event) -> SinkRecord:
        """The event as it comes from the log: through Avro, at the next offset of a partition that its key decides."""
        topic, key = TOPIC_OF[type(event)], key_of(event)
        partition = partition_of(key)
        offset = self._next[topic, partition]
        self._next[topic, partition] += 1
        data = BytesIO()
        schemaless_writer(data, self._schemas[topic], plain(event))
        value = data.getvalue()
        fields: Any = schemaless_reader(BytesIO(value), self._schemas[topic], None)
        moment = timestamp_of(event)
        written = {Reading: moment, Prediction: moment + LATENCY_MS}.get(type(event))
        return SinkRecord(Origin(topic, partition, offset, key, moment, written), value, fields)


def _refused(origin: Origin, value: bytes, error: Exception) -> None:
    raise error
