"""Which version a micro-batch uses: decided once, written down before anything is emitted.

A micro-batch that is run again after a crash finds its pin and emits the same events under the same ids. Spark runs
none again but the last, so the last pin is all that is kept. It lies in the checkpoint's own folder: who removes the
checkpoint removes the pin, and no pin outlives the batches that it was made for.
"""

import json
import os
from pathlib import Path

from spark_analytics.choice import Pin

FILE = "pin.json"


class PinnedTwiceError(ValueError):
    """A micro-batch follows an older event of ``global_models`` than the batch before."""


class Pins:
    """The newest pin of a query, in its checkpoint's folder."""

    def __init__(self, checkpoint: Path) -> None:
        self.path = path = checkpoint / FILE
        self.batch, self.last = -1, Pin(0, 0, 0, 0)
        if path.exists():
            kept = json.loads(path.read_text())
            self.batch, self.last = kept.pop("batch"), Pin(**kept)

    def pin(self, batch: int, wanted: Pin) -> Pin:
        """What micro-batch ``batch`` was pinned to; else ``wanted``, from now on.

        Raises:
            PinnedTwiceError: the word followed would go back.
        """
        if batch == self.batch:
            return self.last
        if wanted.followed < self.last.followed:
            raise PinnedTwiceError(f"batch {batch} would go back to what version {wanted.followed} says")
        replace(self.path, json.dumps({"batch": batch, **wanted._asdict()}))
        self.batch, self.last = batch, wanted
        return wanted


def replace(path: Path, text: str) -> None:
    """Write a file so that a crash leaves the old one or the new one whole."""
    partial = path.with_suffix(".partial")
    with partial.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
