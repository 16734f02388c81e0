"""What the processes say, to stderr: lines of text, or with ``FEDLOG_LOG_FORMAT=json`` one JSON object a line.

An object has ``time``, ``level``, ``logger``, ``message`` and ``service``; ``exception`` where there is one; and
``event_id`` where an event is being handled, so that a line is found by the event, and the event by the line.
"""

import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType
from typing import TextIO

from pythonjsonlogger.json import JsonFormatter

TEXT = "%(asctime)s %(levelname)s %(name)s %(message)s"
FIELDS = {"time": "time", "levelname": "level", "name": "logger", "message": "message"}
CHATTY = ("httpx", "httpx2", "py4j", "pymongo")
"""They would tell of each request."""
MARK = "fedlog_event_id"
"""Attribute of an error that has left the handling of an event: it is often somebody else who logs it."""
_event_id: ContextVar[str | None] = ContextVar("event_id", default=None)


def begin(stage: str, level: int = logging.INFO) -> None:
    """Log from a level on, and where lines are objects, errors that nobody catches and warnings too.

    Args:
        stage: what the process is, unless whoever started it named it as a service (``FEDLOG_SERVICE``).
        level: of loggers that have none of their own.
    """
    logging.basicConfig(level=level, handlers=[handler(stage)])
    for chatty in CHATTY:
        logging.getLogger(chatty).setLevel(logging.WARNING)
    if as_json():
        logging.captureWarnings(True)
        sys.excepthook = _uncaught
        threading.excepthook = lambda args: _uncaught(
            args.exc_type, args.exc_value or args.exc_type(), args.exc_traceback
        )


def as_json() -> bool:
    """Whether lines are to be objects."""
    return os.environ.get("FEDLOG_LOG_FORMAT") == "json"


def handler(stage: str, stream: TextIO | None = None) -> logging.Handler:
    """What writes the lines of a process, to stderr if not elsewhere."""
    made = logging.StreamHandler(stream)
    if not as_json():
        made.setFormatter(logging.Formatter(TEXT))
        return made
    service = os.environ.get("FEDLOG_SERVICE") or stage
    renamed = FIELDS | {"exc_info": "exception", "stack_info": "stack"}
    made.setFormatter(JsonFormatter(list(FIELDS), rename_fields=renamed, static_fields={"service": service}))
    made.addFilter(_completed)
    return made


@contextmanager
def handling(event_id: str | None) -> Iterator[None]:
    """Have what is logged meanwhile, in this thread or asyncio task, name the event.

    Args:
        event_id: the event's own, or where a record that is none lies (``wire.place_id``); ``None``: there is no event.
    """
    before = _event_id.set(event_id)
    try:
        yield
    except Exception as error:
        if not hasattr(error, MARK):
            setattr(error, MARK, event_id)
        raise
    finally:
        _event_id.reset(before)


def _completed(record: logging.LogRecord) -> bool:
    """Add what only this moment knows. An id that the caller gave (``extra``) stays."""
    record.time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    error = record.exc_info[1] if record.exc_info else None
    event_id = getattr(record, "event_id", None) or _event_id.get() or getattr(error, MARK, None)
    if event_id is not None:
        record.event_id = event_id
    return True


def _uncaught(kind: type[BaseException], error: BaseException, at: TracebackType | None) -> None:
    if issubclass(kind, Exception):
        logging.getLogger("uncaught").critical("%s: %s", kind.__name__, error, exc_info=(kind, error, at))
    else:
        sys.__excepthook__(kind, error, at)
