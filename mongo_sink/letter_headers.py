"""``errors.deadletterqueue.context.headers.enable``: the headers of a dead letter that Kafka Connect gives it."""

from traceback import format_exception

from schemas.codec import UndecodableRecord
from schemas.wire import Headers, Origin, shortened

CONTEXT = "__connect.errors."


def context_headers(connector: str, task: int, origin: Origin, error: Exception) -> Headers:
    """What Kafka Connect says of a dead letter in its headers, ``__connect.errors.…``."""
    undecodable = isinstance(error, UndecodableRecord)
    said = {
        "topic": origin.topic,
        "partition": origin.partition,
        "offset": origin.offset,
        "connector.name": connector,
        "task.id": task,
        "stage": "VALUE_CONVERTER" if undecodable else "TASK_PUT",
        "class.name": "schemas.codec.Codec" if undecodable else "mongo_sink.task.SinkTask",
        "exception.class.name": f"{type(error).__module__}.{type(error).__qualname__}",
        "exception.message": str(error),
        "exception.stacktrace": "".join(format_exception(error)),
    }
    return [(CONTEXT + name, shortened(str(value)).encode(errors="replace")) for name, value in said.items()]
