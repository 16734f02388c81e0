"""Which model version each micro-batch uses: decided once, written down before anything is emitted.

A micro-batch that is run again after a crash finds its pin and emits the same events under the same ids.
"""

import json
import os
from pathlib import Path


class PinnedTwiceError(ValueError):
    """A micro-batch asks for another version than it was pinned to, or for an older one than the batch before."""


class Pins:
    """The pins of a query, one line each in a file beside its checkpoint."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.versions: dict[int, int] = {}
        if path.exists():
            # A line that a crash cut short was never acted upon: the batch had not gone on.
            for line in path.read_text().splitlines():
                try:
                    pin = json.loads(line)
                except json.JSONDecodeError:
                    continue
                self.versions[pin["batch"]] = pin["version"]

    def pin(self, batch: int, newest: int) -> int:
        """The version of micro-batch ``batch``: the one it was pinned to, else ``newest``, from now on.

        Raises:
            PinnedTwiceError: the version would go back.
        """
        if batch in self.versions:
            return self.versions[batch]
        if newest < max(self.versions.values(), default=0):
            raise PinnedTwiceError(f"batch {batch} would go back to version {newest}")
        with self.path.open("a") as file:
            file.write(f"\n{json.dumps({'batch': batch, 'version': newest})}")
            file.flush()
            os.fsync(file.fileno())
        self.versions[batch] = newest
        return newest
