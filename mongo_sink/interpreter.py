"""How CPython is to treat a process that turns batches of records into documents."""

import gc
import sys

SWITCH_SECONDS = 0.0005
"""In which the thread that reads lets go of the interpreter for the one that writes. With the 5 ms that are usual, each
answer of the server waited that long, several times a batch: a fifth of the time."""


def tune() -> None:
    """Look for cycles seldom: records have none, and looking for them in each batch took a third of its time."""
    gc.freeze()
    gc.set_threshold(200_000, 20, 20)
    sys.setswitchinterval(SWITCH_SECONDS)
