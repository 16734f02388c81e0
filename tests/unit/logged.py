"""What a process logs, as objects."""

import io
import json
import logging
from contextlib import contextmanager

import pytest

from schemas import log_lines


@contextmanager
def objects(service="test", level=logging.INFO):
    """Yields a list that has what was logged meanwhile once the block is left, as ``FEDLOG_LOG_FORMAT=json`` has it."""
    stream, found, root = io.StringIO(), [], logging.getLogger()
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("FEDLOG_LOG_FORMAT", "json")
        patched.delenv("FEDLOG_SERVICE", raising=False)
        handler = log_lines.handler(service, stream)
    before = root.level
    root.addHandler(handler)
    root.setLevel(level)
    try:
        yield found
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
        found += map(json.loads, stream.getvalue().splitlines())
