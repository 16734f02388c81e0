"""Topics from one log to another: every record in its partition and order, its value under the other registry's id."""

from collections.abc import Callable, Iterator, Mapping

from confluent_kafka import Message
from confluent_kafka.admin import AdminClient

from infra.archive.progress import progress
from infra.archive.reading import LogReader, bounds, partitions_of, timestamp_of
from infra.archive.records import LogRecord, Place
from infra.archive.registered import WriteWith, WrittenWith, client_of
from infra.archive.writing import Stream, Write, write
from infra.retraining.names import RetrainingError
from infra.settings import Settings

Bounds = dict[Place, tuple[int, int]]


def noted(settings: Settings, topics: list[str]) -> Bounds:
    """Of each partition of the topics the first offset, and the one after the last, as they are now."""
    admin = AdminClient({"bootstrap.servers": settings.bootstrap})
    present = partitions_of(admin)
    return bounds(admin, [Place(topic, number) for topic in topics for number in present[topic]])


def copy(
    source: Settings,
    target: Settings,
    ranges: Bounds,
    names: Mapping[str, str],
    seen: Callable[[Message], object] = lambda message: None,
    title: str = "copying",
) -> None:
    """Copy partitions to topics without a record; each comes to lie at the offset it had.

    Args:
        source: whose log and registry they are read from.
        target: whose they are written to; the topics are there.
        ranges: what of each partition is copied.
        names: of the topics there, by those here.
        seen: shown each record.
        title: of the progress that is shown.

    Raises:
        RetrainingError: a partition's beginning is not on the log any more.
        ArchiveError: a log cannot be read, or somebody else writes there too.
    """
    for place, (first, _) in ranges.items():
        if first:
            raise RetrainingError(
                f"{place} begins at {first}: what was before it is gone, and no offset would be right."
            )
    schemas = WrittenWith(client_of(source.registry))
    values = WriteWith(client_of(target.registry), [subject.writer() for subject in schemas.kept()])
    values.register([])
    reader = LogReader(source.bootstrap)

    def writes(place: Place) -> Iterator[Write]:
        for message in reader.read({place: ranges[place]}):
            schema, body = schemas.split(place.topic, message.value())
            headers, moment = message.headers() or [], timestamp_of(message)
            seen(message)
            record = LogRecord(message.offset(), moment, message.key(), headers, schema, body)
            yield Write(moment, record.key, values.value(record), headers)

    streams = [Stream(Place(names[place.topic], place.partition), 0, writes(place)) for place in sorted(ranges)]
    try:
        with progress(title, sum(end for _, end in ranges.values())) as advance:
            write(target.bootstrap, streams, advance)
    finally:
        reader.close()
